/** Sections of every mode. */
import { atLeastZero, logFormat, modulePatterns, nonNegative, positive } from './checks.ts';
import { section } from './field.ts';

const HOUR = 3_600_000;

export const CLIENT_CONNECTION = section(
  { group: 'Kubernetes API' },
  {
    kubeconfig: {
      kind: 'string',
      flag: 'kubeconfig',
      help: 'Kubeconfig file with the location and credentials of the API server. Empty (and no --master): in-cluster.',
    },
    acceptContentTypes: { kind: 'string' },
    contentType: {
      kind: 'string',
      initial: 'application/vnd.kubernetes.protobuf',
      zeroIsUnset: true,
      flag: 'kube-api-content-type',
      help: 'Content type in which objects are requested: application/vnd.kubernetes.protobuf, or application/json. Responses in JSON are understood in any case.',
    },
    qps: {
      kind: 'float32',
      initial: 5,
      zeroIsUnset: true,
      flag: 'kube-api-qps',
      help: 'Requests a second to the API server.',
    },
    burst: {
      kind: 'int32',
      initial: 10,
      zeroIsUnset: true,
      check: nonNegative,
      flag: 'kube-api-burst',
      help: 'Requests to the API server allowed in a burst.',
    },
  },
);

export const LOGGING = section(
  { group: 'Logging', winsOverFile: true },
  {
    format: {
      kind: 'string',
      initial: 'text',
      zeroIsUnset: true,
      live: true,
      check: logFormat,
      flag: 'logging-format',
      help: 'text or json.',
    },
    flushFrequency: {
      kind: 'duration-or-nanoseconds',
      initial: 5000,
      zeroIsUnset: true,
      live: true,
      check: positive,
      flag: 'log-flush-frequency',
      help: 'Accepted for compatibility: every line is written at once.',
    },
    verbosity: {
      kind: 'uint32',
      live: true,
      flag: 'v',
      help: 'Verbosity: 2 syncs and their counts, 4 each event, 9 whole payloads. Also -v.',
    },
    vmodule: {
      kind: 'vmodule',
      omitEmpty: true,
      live: true,
      check: modulePatterns,
      flag: 'vmodule',
      help: 'Verbosity by part of the program, as pattern=N, comma separated (text format only).',
    },
    options: {
      text: {
        splitStream: {
          kind: 'bool',
          omitEmpty: true,
          flag: 'log-text-split-stream',
          help: 'Text format: errors to stderr, the rest to stdout (gate LoggingAlphaOptions).',
        },
        infoBufferSize: {
          kind: 'quantity',
          initial: '0',
          flag: 'log-text-info-buffer-size',
          help: 'Accepted for compatibility (gate LoggingAlphaOptions).',
        },
      },
      json: {
        splitStream: {
          kind: 'bool',
          omitEmpty: true,
          flag: 'log-json-split-stream',
          help: 'JSON format: errors to stderr, the rest to stdout (gate LoggingAlphaOptions).',
        },
        infoBufferSize: {
          kind: 'quantity',
          initial: '0',
          flag: 'log-json-info-buffer-size',
          help: 'Accepted for compatibility (gate LoggingAlphaOptions).',
        },
      },
    },
  },
);

export const CONNTRACK = section(
  { group: 'Connection tracking' },
  {
    maxPerCore: {
      kind: 'int32',
      initial: 32_768,
      check: atLeastZero,
      flag: 'conntrack-max-per-core',
      help: 'Connections to track for each CPU core. 0: leave the limit as it is.',
    },
    min: {
      kind: 'int32',
      initial: 131_072,
      check: atLeastZero,
      flag: 'conntrack-min',
      help: 'At least so many connections, however few the cores.',
    },
    tcpEstablishedTimeout: {
      kind: 'duration',
      initial: 24 * HOUR,
      check: atLeastZero,
      flag: 'conntrack-tcp-timeout-established',
      help: 'Idle timeout of established TCP connections. 0: leave it.',
    },
    tcpCloseWaitTimeout: {
      kind: 'duration',
      initial: HOUR,
      check: atLeastZero,
      flag: 'conntrack-tcp-timeout-close-wait',
      help: 'Timeout of TCP connections in CLOSE_WAIT. 0: leave it.',
    },
    tcpBeLiberal: {
      kind: 'bool',
      flag: 'conntrack-tcp-be-liberal',
      help: 'Do not mark TCP packets outside of the window as invalid.',
    },
    udpTimeout: {
      kind: 'duration',
      check: atLeastZero,
      flag: 'conntrack-udp-timeout',
      help: 'Timeout of UDP flows without a reply. 0: leave it.',
    },
    udpStreamTimeout: {
      kind: 'duration',
      check: atLeastZero,
      flag: 'conntrack-udp-timeout-stream',
      help: 'Timeout of UDP flows with a reply. 0: leave it.',
    },
  },
);

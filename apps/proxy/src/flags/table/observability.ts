import { flagGroup } from '../flag.ts';

export const HEALTH = flagGroup('Health and metrics', [
  [
    'healthz-bind-address',
    'address',
    '0.0.0.0:10256',
    'Address, with or without port, of /healthz, /livez and /readyz; none: no such server (not in kube-proxy).',
    { field: 'healthzBindAddress' },
  ],
  [
    'metrics-bind-address',
    'address',
    '127.0.0.1:10249',
    'Address, with or without port, of /metrics, /proxyMode and /configz; none: no such server (not in kube-proxy).',
    { field: 'metricsBindAddress' },
  ],
  [
    'bind-address-hard-fail',
    'bool',
    'false',
    'Exit when one of these addresses cannot be bound, instead of trying again.',
    { field: 'bindAddressHardFail' },
  ],
  [
    'profiling',
    'bool',
    'false',
    'Serve CPU and heap profiles and /debug/flags/v on the metrics address.',
    { field: 'enableProfiling' },
  ],
  [
    'show-hidden-metrics-for-version',
    'string',
    '',
    'The previous minor version, to show metrics hidden since.',
    { field: 'showHiddenMetricsForVersion' },
  ],
  [
    'healthz-port',
    'int32',
    '10256',
    'Port of /healthz for an address given without one; 0 switches the server off.',
    { deprecated: 'use --healthz-bind-address' },
  ],
  [
    'metrics-port',
    'int32',
    '10249',
    'Port of /metrics for an address given without one.',
    { deprecated: 'use --metrics-bind-address' },
  ],
]);

export const LOGGING = flagGroup('Logging', [
  [
    'v',
    'uint32',
    '0',
    'Verbosity: 2 syncs and their counts, 4 each event, 9 whole payloads. Also -v.',
    { field: 'logging.verbosity', winsOverFile: true },
  ],
  [
    'vmodule',
    'vmodule',
    '',
    'Verbosity by part of the program, as pattern=N, comma separated (text format only).',
    { field: 'logging.vmodule', winsOverFile: true },
  ],
  ['logging-format', 'string', 'text', 'text or json.', { field: 'logging.format', winsOverFile: true }],
  [
    'log-flush-frequency',
    'duration',
    '5s',
    'Accepted for compatibility: every line is written at once.',
    { field: 'logging.flushFrequency', winsOverFile: true },
  ],
  [
    'log-text-split-stream',
    'bool',
    'false',
    'Text format: errors to stderr, the rest to stdout (gate LoggingAlphaOptions).',
    { field: 'logging.options.text.splitStream', winsOverFile: true },
  ],
  [
    'log-text-info-buffer-size',
    'quantity',
    '0',
    'Accepted for compatibility (gate LoggingAlphaOptions).',
    { field: 'logging.options.text.infoBufferSize', winsOverFile: true },
  ],
  [
    'log-json-split-stream',
    'bool',
    'false',
    'JSON format: errors to stderr, the rest to stdout (gate LoggingAlphaOptions).',
    { field: 'logging.options.json.splitStream', winsOverFile: true },
  ],
  [
    'log-json-info-buffer-size',
    'quantity',
    '0',
    'Accepted for compatibility (gate LoggingAlphaOptions).',
    { field: 'logging.options.json.infoBufferSize', winsOverFile: true },
  ],
]);

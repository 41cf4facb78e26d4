/** Flags that set no field of the configuration. */
import type { FlagGroup } from '../config/field.ts';
import type { KindName, ValueOf } from '../config/kinds.ts';

interface StandaloneFlag {
  readonly kind: KindName;
  readonly group: FlagGroup;
  readonly help: string;
  readonly initial?: string;
  readonly deprecated?: string;
  /** The only values that it may have. */
  readonly choices?: readonly string[];
}

export const STANDALONE = {
  config: {
    kind: 'string',
    group: 'General',
    help: 'Configuration file (KubeProxyConfiguration v1alpha1, YAML or JSON). Most other flags are then ignored.',
  },
  'write-config-to': {
    kind: 'string',
    group: 'General',
    help: 'Write the configuration in effect to this file and exit.',
  },
  cleanup: {
    kind: 'bool',
    group: 'General',
    help: 'Remove the rules of every proxy mode from this node and exit.',
  },
  'init-only': {
    kind: 'bool',
    group: 'General',
    help: 'Do the start-up work that needs full privileges (sysctls), and exit.',
  },
  manifests: {
    kind: 'string',
    group: 'General',
    help: 'Read Services, EndpointSlices and Nodes from the YAML files in this folder, watched, instead of an API server. Not in kube-proxy.',
  },
  strict: {
    kind: 'bool',
    group: 'General',
    help: 'With --manifests: exit with status 1 if a file there has a problem at start, after listing all of them. Not in kube-proxy.',
  },
  version: {
    kind: 'tri-state',
    group: 'General',
    initial: 'false',
    help: 'Print the version of Kubernetes whose behaviour this is, and exit; --version=raw: all fields, with the version of Signalbox. --version=vX.Y.Z changes the version that is reported.',
  },
  help: { kind: 'bool', group: 'General', help: 'Show this text.' },
  master: {
    kind: 'string',
    group: 'Kubernetes API',
    help: 'URL of the API server; overrides the kubeconfig. Several, comma separated: when one does not respond, requests go to the next.',
  },
  'machine-id-file': {
    kind: 'string',
    group: 'Node',
    initial: '/etc/machine-id,/var/lib/dbus/machine-id',
    help: 'Accepted for compatibility and ignored.',
  },
  'boot-id-file': {
    kind: 'string',
    group: 'Node',
    initial: '/proc/sys/kernel/random/boot_id',
    help: 'Accepted for compatibility and ignored.',
  },
  'ipvs-local-policy-fallback': {
    kind: 'string',
    group: 'ipvs mode',
    initial: 'drop',
    choices: ['drop', 'cluster'],
    help: "Policy Local without a local endpoint: drop, as other modes do, or use the cluster's endpoints, as kube-proxy's ipvs mode does.",
  },
  'service-metrics': {
    kind: 'bool',
    group: 'Health and metrics',
    help: 'Show the connections of each Service and endpoint in /metrics, as far as the proxy mode counts them. Not in kube-proxy.',
  },
  'service-metrics-max-series': {
    kind: 'int32',
    group: 'Health and metrics',
    initial: '10000',
    help: 'With --service-metrics: most series of Services and endpoints in /metrics; the others are only counted. Not in kube-proxy.',
  },
  'tracing-endpoint': {
    kind: 'string',
    group: 'Health and metrics',
    help: 'Send a trace of each change of a Service, from its arrival to the commit in the kernel, to this collector by OTLP/HTTP: http://127.0.0.1:4318. Empty: no traces. Not in kube-proxy.',
  },
  'tracing-sampling-rate-per-million': {
    kind: 'int32',
    group: 'Health and metrics',
    initial: '1000000',
    help: 'With --tracing-endpoint: how many of a million traces are sent. Not in kube-proxy.',
  },
  'userspace-map': {
    kind: 'strings',
    group: 'userspace mode',
    help: 'Serve the service addresses, and reach the endpoints, of a range at the addresses of another: 10.96.0.0/16=127.96.0.0/16. Several, comma separated.',
  },
  'udp-timeout': {
    kind: 'duration',
    group: 'userspace mode',
    initial: '30s',
    help: 'How long the session of a UDP client is kept without a datagram.',
  },
  'userspace-tcp-idle-timeout': {
    kind: 'duration',
    group: 'userspace mode',
    initial: '24h',
    help: 'A TCP connection without a byte for this long is reset.',
  },
  'userspace-drain-timeout': {
    kind: 'duration',
    group: 'userspace mode',
    initial: '20s',
    help: 'How long open connections may go on after the end of the process is requested. Less than terminationGracePeriodSeconds.',
  },
  'userspace-workers': {
    kind: 'int32',
    group: 'userspace mode',
    initial: '1',
    help: 'Threads that forward connections, for each IP family (1 to 32).',
  },
  'userspace-access-log': {
    kind: 'string',
    group: 'userspace mode',
    help: 'Append a JSON line to this file for each connection that ends; -: to standard output. Empty: no access log.',
  },
  'userspace-tracing-sampling-rate-per-million': {
    kind: 'int32',
    group: 'userspace mode',
    initial: '1000',
    help: 'With --tracing-endpoint: how many of a million connections are sent as a trace.',
  },
  'healthz-port': {
    kind: 'int32',
    group: 'Health and metrics',
    initial: '10256',
    deprecated: 'use --healthz-bind-address',
    help: 'Port of /healthz for an address given without one; 0 switches the server off.',
  },
  'metrics-port': {
    kind: 'int32',
    group: 'Health and metrics',
    initial: '10249',
    deprecated: 'use --metrics-bind-address',
    help: 'Port of /metrics for an address given without one.',
  },
} as const satisfies Readonly<Record<string, StandaloneFlag>>;

type Table = typeof STANDALONE;

/** The value of such a flag as it was given. */
export function standalone<Name extends keyof Table>(
  given: ReadonlyMap<string, unknown>,
  name: Name,
): ValueOf<Table[Name]['kind']> | undefined {
  return given.get(name) as ValueOf<Table[Name]['kind']> | undefined;
}

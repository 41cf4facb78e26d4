import type { KubeProxyConfiguration } from './types.ts';
import type { SyncSection } from '../modes/proxy-mode.ts';

/** How a field's value is read, checked for its kind, and written back. */
export type FieldKind =
  | 'string'
  | 'bool'
  | 'int32'
  | 'uint32'
  | 'float32'
  | 'duration'
  | 'duration-or-nanoseconds'
  | 'strings'
  | 'bool-map'
  | 'vmodule'
  | 'quantity';

export type FieldValue = string | number | boolean | readonly unknown[] | Readonly<Record<string, boolean>>;

export interface Field {
  /** As in the file: `iptables.masqueradeBit`. */
  readonly path: string;
  readonly kind: FieldKind;
  /** When the file leaves the field out. Addresses and the mode are completed later (defaults.ts). */
  readonly initial: FieldValue;
  /** Zero or empty in a file means the default, not nothing: kubeadm writes every field, most of them so. */
  readonly zeroIsUnset: boolean;
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;

type Row = readonly [path: string, kind: FieldKind, initial: FieldValue, zero?: 'zero is unset'];

/** Every field, in the order in which the API type declares them (the order of /configz). */
const ROWS: readonly Row[] = [
  ['featureGates', 'bool-map', {}],
  ['clientConnection.kubeconfig', 'string', ''],
  ['clientConnection.acceptContentTypes', 'string', ''],
  ['clientConnection.contentType', 'string', 'application/vnd.kubernetes.protobuf', 'zero is unset'],
  ['clientConnection.qps', 'float32', 5, 'zero is unset'],
  ['clientConnection.burst', 'int32', 10, 'zero is unset'],
  ['logging.format', 'string', 'text', 'zero is unset'],
  ['logging.flushFrequency', 'duration-or-nanoseconds', 5 * SECOND, 'zero is unset'],
  ['logging.verbosity', 'uint32', 0],
  ['logging.vmodule', 'vmodule', []],
  ['logging.options.text.splitStream', 'bool', false],
  ['logging.options.text.infoBufferSize', 'quantity', '0'],
  ['logging.options.json.splitStream', 'bool', false],
  ['logging.options.json.infoBufferSize', 'quantity', '0'],
  ['hostnameOverride', 'string', ''],
  ['bindAddress', 'string', ''],
  ['healthzBindAddress', 'string', ''],
  ['metricsBindAddress', 'string', ''],
  ['bindAddressHardFail', 'bool', false],
  ['enableProfiling', 'bool', false],
  ['showHiddenMetricsForVersion', 'string', ''],
  ['mode', 'string', ''],
  ['iptables.masqueradeBit', 'int32', 14],
  ['iptables.masqueradeAll', 'bool', false],
  ['iptables.localhostNodePorts', 'bool', true],
  ['iptables.syncPeriod', 'duration', 30 * SECOND, 'zero is unset'],
  ['iptables.minSyncPeriod', 'duration', SECOND, 'zero is unset'],
  ['ipvs.syncPeriod', 'duration', 30 * SECOND, 'zero is unset'],
  ['ipvs.minSyncPeriod', 'duration', 0],
  ['ipvs.scheduler', 'string', ''],
  ['ipvs.excludeCIDRs', 'strings', []],
  ['ipvs.strictARP', 'bool', false],
  ['ipvs.tcpTimeout', 'duration', 0],
  ['ipvs.tcpFinTimeout', 'duration', 0],
  ['ipvs.udpTimeout', 'duration', 0],
  ['nftables.masqueradeBit', 'int32', 14],
  ['nftables.masqueradeAll', 'bool', false],
  ['nftables.syncPeriod', 'duration', 30 * SECOND, 'zero is unset'],
  ['nftables.minSyncPeriod', 'duration', SECOND, 'zero is unset'],
  ['winkernel.networkName', 'string', ''],
  ['winkernel.sourceVip', 'string', ''],
  ['winkernel.enableDSR', 'bool', false],
  ['winkernel.rootHnsEndpointName', 'string', ''],
  ['winkernel.forwardHealthCheckVip', 'bool', false],
  ['detectLocalMode', 'string', ''],
  ['detectLocal.bridgeInterface', 'string', ''],
  ['detectLocal.interfaceNamePrefix', 'string', ''],
  ['clusterCIDR', 'string', ''],
  ['nodePortAddresses', 'strings', []],
  ['oomScoreAdj', 'int32', -999],
  ['conntrack.maxPerCore', 'int32', 32_768],
  ['conntrack.min', 'int32', 131_072],
  ['conntrack.tcpEstablishedTimeout', 'duration', 24 * HOUR],
  ['conntrack.tcpCloseWaitTimeout', 'duration', HOUR],
  ['conntrack.tcpBeLiberal', 'bool', false],
  ['conntrack.udpTimeout', 'duration', 0],
  ['conntrack.udpStreamTimeout', 'duration', 0],
  ['configSyncPeriod', 'duration', HOUR / 4, 'zero is unset'],
  ['portRange', 'string', ''],
  ['windowsRunAsService', 'bool', false],
];

export const FIELDS: readonly Field[] = ROWS.map(([path, kind, initial, zero]) => ({
  path,
  kind,
  initial,
  zeroIsUnset: zero !== undefined,
}));

const BY_PATH: ReadonlyMap<string, Field> = new Map(FIELDS.map((field) => [field.path, field]));
const SECTIONS: ReadonlySet<string> = new Set(FIELDS.flatMap(({ path }) => prefixes(path)));

const PERIOD = /\.minSyncPeriod$/;

/** Each section with periods of syncs. */
export const SYNC_SECTIONS: readonly SyncSection[] = FIELDS.filter(({ path }) => PERIOD.test(path)).map(
  ({ path }) => path.replace(PERIOD, '') as SyncSection,
);

export function fieldAt(path: string): Field | undefined {
  return BY_PATH.get(path);
}

/** Whether fields lie below this path: `iptables`, `logging.options`. */
export function isSection(path: string): boolean {
  return SECTIONS.has(path);
}

type Tree = Record<string, unknown>;

export function getField(config: KubeProxyConfiguration, path: string): FieldValue {
  let at: unknown = config;
  for (const name of path.split('.')) at = (at as Tree)[name];
  return at as FieldValue;
}

/** Writes one field in place; sections on the way are made. The caller has checked the kind. */
export function setField(tree: KubeProxyConfiguration, path: string, value: FieldValue): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let at = tree as unknown as Tree;
  for (const name of names) at = (at[name] ??= {}) as Tree;
  at[last] = value;
}

/** A configuration in which nobody has set anything. */
export function initialConfiguration(): KubeProxyConfiguration {
  const config = {} as KubeProxyConfiguration;
  for (const field of FIELDS) setField(config, field.path, structuredClone(field.initial));
  return config;
}

function prefixes(path: string): string[] {
  const names = path.split('.').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('.'));
}

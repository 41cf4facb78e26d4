/** Sockets of this process instead of rules: no netfilter, and no privileges where the node's own addresses suffice. */
import { STRICT_ARP } from '@signalbox/backend-kit';
import type {
  AddressMapping,
  connectionCapacity as ConnectionCapacity,
  UserspaceBackend,
  UserspaceBackendOptions,
  UserspaceDriver,
} from '@signalbox/backend-userspace';
import { FAMILIES, formatBackendError, formatDuration, type Backend, type Family } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { standalone } from '../flags/standalone.ts';
import type { Logger } from '../logging/logger.ts';
import { applySysctls } from '../node/prepare-node.ts';
import { readTrimmed, sysctlOf, systemFiles, type Sysctl } from '../node/sysctl.ts';
import { cleanerOf } from './cleaner.ts';
import { surveyFamilies } from './iptables.ts';
import { probeFamilies } from './probe-families.ts';
import type { Cleaner, FamilySupport, ModeSettings, NodeFacts, ProxyMode, Successor } from './proxy-mode.ts';

export const USERSPACE: ProxyMode = {
  name: 'userspace',
  platform: 'linux',
  configuration: {
    periods: 'iptables',
    periodFlags: 'iptables',
    masquerade: 'iptables',
    localhostNodePorts: () => true,
  },
  flows: 'own',
  endsWithProcess: true,
  worksUnprivileged: true,
  bindsExternalAddresses: true,
  // A client is connected before it can be refused, and service addresses are addresses of the node.
  externalFailovers: ['reject', 'cluster'],
  metrics: ['connections'],
  unusedClusterIPs: { port: 'reject', address: 'pass' },
  probe,
  // `createBackend` sets them where the service addresses are assigned; an --init-only run has no backend.
  sysctls: async (settings) => (await whyInvalid(settings)) ?? (settings.initOnly ? strictARP(settings) : []),
  ...backendsOfOneProcess(),
  survey: async () => {
    const { surveyDevice } = await load();
    return surveyFamilies(surveyDevice);
  },
};

const load = () => import('@signalbox/backend-userspace');

/** What cannot be done without privileges is a warning: the rest works. */
async function probe(settings: ModeSettings, logger: Logger): Promise<FamilySupport> {
  const { connectionCapacity, probeDevice, whyNoWorkers } = await load();
  const support = await probeFamilies({
    clock: systemClock,
    logger,
    files: systemFiles,
    asked: 'sockets',
    open: () => ({ close: () => undefined }),
    ask: () => Promise.resolve([]),
  });
  const missing = await probeDevice();
  const warnings = missing === null ? [] : [withoutDevice(settings, formatBackendError(missing))];
  return {
    ...support,
    warnings: [
      ...support.warnings,
      ...warnings,
      ...lowPorts(),
      ...fewFiles(connectionCapacity()),
      ...oneThread(settings, whyNoWorkers()),
    ],
  };
}

/** `ipvs.strictARP`, as in ipvs mode: another program announces service addresses. */
function strictARP({ config }: ModeSettings): readonly Sysctl[] {
  return config.ipvs.strictARP ? STRICT_ARP.map(sysctlOf) : [];
}

function withoutDevice({ given }: ModeSettings, err: string): string {
  const mapped = standalone(given, 'userspace-map') ?? [];
  const also = mapped.length === 0 ? '' : ` and --userspace-map ${mapped.join(',')}`;
  return `service addresses are not assigned to this node, which needs CAP_NET_ADMIN (${err}): only node ports${also} are served`;
}

const UNPRIVILEGED_PORTS = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
const CAP_NET_BIND_SERVICE = 10n;

/** Service ports that this process may not bind fail one by one; this is the one reason. */
function lowPorts(): readonly string[] {
  const first = Number(readTrimmed(systemFiles, UNPRIVILEGED_PORTS) ?? 0);
  const status = readTrimmed(systemFiles, '/proc/self/status') ?? '';
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? 'ffffffffff'}`);
  if (first <= 1 || ((effective >> CAP_NET_BIND_SERVICE) & 1n) === 1n) return [];
  return [
    `service ports below ${first} are not served, which needs CAP_NET_BIND_SERVICE or a lower net.ipv4.ip_unprivileged_port_start`,
  ];
}

const ENOUGH_CONNECTIONS = 20_000;

export function fewFiles({
  connections,
  openFiles,
}: ReturnType<typeof ConnectionCapacity>): readonly string[] {
  if (connections >= ENOUGH_CONNECTIONS) return [];
  return [
    `open files are limited to ${openFiles} (ulimit -n), which suffices for ${connections} connections at a time: more are reset`,
  ];
}

/** Only if more threads are requested. */
export function oneThread({ given }: Pick<ModeSettings, 'given'>, reason: string | null): readonly string[] {
  const workers = standalone(given, 'userspace-workers') ?? 1;
  return workers === 1 || reason === null ? [] : [`--userspace-workers: ${workers} has no effect: ${reason}`];
}

/** Service addresses stay assigned as long as connections of this process use them. */
function backendsOfOneProcess(): Pick<ProxyMode, 'createBackend' | 'cleaners'> {
  const open = new Set<UserspaceBackend>();
  // The families share the device and the settings: a notice is repeated only after all backends were closed.
  const reported = new Set<string>();
  const connections = async (family: Family): Promise<number> => {
    const own = [...open].filter((each) => each.family === family);
    return (await Promise.all(own.map((each) => each.counts()))).reduce((sum, each) => sum + each.open, 0);
  };
  return {
    createBackend: async (settings, family, facts) => {
      const onNotice: typeof facts.onNotice = (notice) => {
        if (!reported.has(notice.message)) facts.onNotice?.(notice);
        reported.add(notice.message);
      };
      // The end of a thread is reported each time.
      const onWorkerFailure = (err: string): void =>
        facts.onNotice?.({ message: 'Worker thread ended, another one is started', data: { err, family } });
      const backend = await newBackend(settings, family, { ...facts, onNotice, onWorkerFailure });
      open.add(backend);
      const close = async (): Promise<void> => {
        await backend.close();
        open.delete(backend);
        if (open.size === 0) reported.clear();
      };
      return { ...backend, close, connectionCounts: () => backend.counts() };
    },
    cleaners: (_, successor) =>
      successor?.mode === 'userspace'
        ? []
        : FAMILIES.map((family) => cleaner(family, successor, connections)),
  };
}

function cleaner(
  family: Family,
  successor: Successor | undefined,
  connections: (family: Family) => Promise<number>,
): Cleaner {
  const create = async (): Promise<Backend> => (await load()).createUserspaceBackend({ family });
  const { clean, ...about } = cleanerOf({ mode: 'userspace', family }, create);
  return {
    ...about,
    clean: async () => {
      const inUse = successor?.keepConnections === true ? await connections(family) : 0;
      return inUse > 0 ? { outcome: 'ok', removed: [], inUse } : clean();
    },
  };
}

type BackendFacts = Pick<NodeFacts, 'measureWrite' | 'onConnectionEnd' | 'onNotice'> &
  Required<Pick<UserspaceBackendOptions, 'onWorkerFailure'>>;

/** `false`: service addresses cannot be assigned. */
async function prepareDevice(settings: ModeSettings, report: BackendFacts['onNotice']): Promise<boolean> {
  const { createServiceDevice } = await load();
  const missing = await createServiceDevice();
  if (missing !== null) {
    // A missing privilege is a warning of `probe`.
    if (missing.code !== 'not-permitted')
      report?.({ message: withoutDevice(settings, formatBackendError(missing)), data: {} });
    return false;
  }
  const err = applySysctls(systemFiles, strictARP(settings));
  if (err !== null)
    report?.({ message: 'Failed to restrict ARP replies for service addresses', data: { err } });
  return true;
}

async function newBackend(
  settings: ModeSettings,
  family: Family,
  facts: BackendFacts,
): Promise<UserspaceBackend> {
  const { measureWrite, onConnectionEnd } = facts;
  const { createSystemDriver, createUserspaceBackend } = await load();
  const serviceAddresses = (await prepareDevice(settings, facts.onNotice)) ? 'device' : 'none';
  const options = {
    ...(await userspaceOptions(settings)),
    family,
    serviceAddresses,
    ...(onConnectionEnd === undefined ? {} : { onConnectionEnd }),
    onWorkerFailure: facts.onWorkerFailure,
  } as const;
  if (measureWrite === undefined) return createUserspaceBackend(options);
  const sockets = createSystemDriver(options);
  const driver: UserspaceDriver = {
    ...sockets,
    apply: (operations) => measureWrite(() => sockets.apply(operations)),
  };
  return createUserspaceBackend({ ...options, driver });
}

/** Timers of Node.js take no more. */
const LONGEST_MS = 2 ** 31 - 1;
/** Flag, option, and the least value in milliseconds. */
const TIMEOUTS = [
  ['udp-timeout', 'udpTimeout', 1],
  ['userspace-tcp-idle-timeout', 'tcpIdleTimeout', 1],
  ['userspace-drain-timeout', 'drainTimeout', 0],
] as const;

/** What is wrong with a flag of this mode; `null`: nothing. */
async function whyInvalid({ given }: ModeSettings): Promise<string | null> {
  const { parseAddressMapping } = await load();
  for (const text of standalone(given, 'userspace-map') ?? []) {
    const parsed = parseAddressMapping(text);
    if (typeof parsed === 'string') return `--userspace-map: ${parsed}`;
  }
  for (const [flag, , least] of TIMEOUTS) {
    const value = standalone(given, flag) ?? least;
    if (value < least || value > LONGEST_MS) {
      return `--${flag}: ${formatDuration(value)} is not allowed (${formatDuration(least)} to ${formatDuration(LONGEST_MS)})`;
    }
  }
  const workers = standalone(given, 'userspace-workers') ?? 1;
  if (workers < 1 || workers > MAX_WORKERS)
    return `--userspace-workers: ${workers} is not allowed (1 to ${MAX_WORKERS})`;
  return null;
}

const MAX_WORKERS = 32;

type FlagOptions = Pick<
  UserspaceBackendOptions,
  'mappings' | 'udpTimeout' | 'tcpIdleTimeout' | 'drainTimeout' | 'workers'
>;

/** The options of the mode from its command-line flags. */
export async function userspaceOptions({ given }: ModeSettings): Promise<FlagOptions> {
  const { parseAddressMapping } = await load();
  const parsed = (standalone(given, 'userspace-map') ?? []).map(parseAddressMapping);
  const mappings = parsed.filter((each): each is AddressMapping => typeof each !== 'string');
  const timeouts: { -readonly [Name in keyof FlagOptions]: FlagOptions[Name] } = {};
  for (const [flag, option] of TIMEOUTS) {
    const value = standalone(given, flag);
    if (value !== undefined) timeouts[option] = value;
  }
  const workers = standalone(given, 'userspace-workers');
  return { ...timeouts, ...(workers === undefined ? {} : { workers }), mappings };
}

import {
  CANARY,
  createExecDriver,
  createIptablesBackend,
  findMissingModules,
  LOCALHOST_NODE_PORTS_SYSCTL,
  unsupportedError,
  type IptablesDriver,
  type MissingModule,
  type OnToolNotice,
} from '@signalbox/backend-iptables';
import { FAMILIES, type Backend, type BackendError, type Clock, type Family } from '@signalbox/core';
import { systemClock } from '@signalbox/kubernetes';
import type { KubeProxyConfiguration } from '../config/types.ts';
import type { Logger } from '../logging/logger.ts';
import { needsRouteLocalnet } from '../node/prepare-node.ts';
import { readTrimmed, systemFiles, type Files } from '../node/sysctl.ts';
import { cleanerOf } from './cleaner.ts';
import { countersCleaner, openPacketCounters, withCounters } from './packet-counters.ts';
import { probeFamilies } from './probe-families.ts';
import type { FamilySupport, ModeSettings, NodeFacts, ProxyMode } from './proxy-mode.ts';

export const IPTABLES: ProxyMode = {
  name: 'iptables',
  platform: 'linux',
  configuration: {
    periods: 'iptables',
    periodFlags: 'iptables',
    masquerade: 'iptables',
    // kube-proxy from 1.37 on reports it, since its default changes in 1.40; here a blank mode stays iptables.
    whenDefaulted:
      'mode is not set, using iptables. The default of kube-proxy changes to nftables in Kubernetes 1.40: ' +
      'set mode (--proxy-mode) to "iptables" to keep it',
    localhostNodePorts: ({ iptables }) => iptables.localhostNodePorts,
    startOnly: newToLoopback,
  },
  flows: 'conntrack',
  metrics: ['rules', 'restore', 'partial'],
  succeeds: ['nftables'],
  unusedClusterIPs: { port: 'pass', address: 'pass' },
  probe: (_, logger) => probeIptables({ clock: systemClock, logger }),
  sysctls: ({ config }) => Promise.resolve(needsRouteLocalnet(config) ? [LOCALHOST_NODE_PORTS_SYSCTL] : []),
  openCounters: (families, logger) => openPacketCounters(families, logger),
  createBackend: (settings, family, facts) => Promise.resolve(iptablesBackend(settings, family, facts)),
  cleaners: (settings) => [
    ...FAMILIES.map((family) =>
      cleanerOf({ mode: 'iptables', family }, async () => iptablesBackend(settings, family, null)),
    ),
    countersCleaner(),
  ],
};

/** Node ports at loopback need a kernel setting that only the start makes. */
function newToLoopback(before: KubeProxyConfiguration, after: KubeProxyConfiguration): readonly string[] {
  return needsRouteLocalnet(after) && !needsRouteLocalnet(before) ? ['nodePortAddresses'] : [];
}

function iptablesBackend(
  { config }: ModeSettings,
  family: Family,
  facts: Pick<NodeFacts, 'counters' | 'syncPeriod' | 'onNotice'> | null,
): Backend {
  const liberal = readTrimmed(systemFiles, '/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal');
  const { masqueradeBit } = config.iptables;
  const counters = facts?.counters ?? null;
  const driver = counters?.drivers.get(family);
  const backend = createIptablesBackend({
    family,
    driver: driver ?? createExecDriver({ family, ...noticesOf(facts) }),
    accounting: driver !== undefined,
    masqueradeBit,
    // Where the module is not loaded yet, the setting is made when it is.
    conntrackLiberal: config.conntrack.tcpBeLiberal || (liberal !== null && liberal !== '0'),
    ...(facts === null ? {} : { checkInterval: facts.syncPeriod }),
  });
  return counters === null || driver === undefined ? backend : withCounters(backend, counters);
}

export function noticesOf(facts: Pick<NodeFacts, 'onNotice'> | null): Pick<NodeFacts, 'onNotice'> {
  return facts?.onNotice === undefined ? {} : { onNotice: facts.onNotice };
}

export interface IptablesProbe {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What a test may put in the node's place. */
  readonly files?: Files;
  readonly openDriver?: (family: Family) => IptablesDriver;
}

export async function probeIptables(probe: IptablesProbe): Promise<FamilySupport> {
  const onNotice: OnToolNotice = ({ message, data }) => probe.logger.warning(message, data);
  const { files = systemFiles, openDriver = (family) => createExecDriver({ family, onNotice }) } = probe;
  const support = await probeFamilies({
    ...probe,
    files,
    asked: 'iptables',
    open: openDriver,
    ask: whatIsMissing,
  });
  const hidden = hidesLegacyTables(files) && !(await kubeletUsesNft()) ? [HIDDEN_TABLES] : [];
  return { ...support, warnings: [...hidden, ...support.warnings] };
}

const LEGACY_TABLES = '/proc/net/ip_tables_names';
const HIDDEN_TABLES =
  `cannot read ${LEGACY_TABLES}, so the variant of iptables that this node uses is unknown: nft is taken; ` +
  'if kubelet writes its rules with iptables-legacy, run as root, or add CAP_NET_RAW and CAP_DAC_READ_SEARCH to CAP_NET_ADMIN';

/** Rules of the legacy variant are listed to root only. Without the file its modules are not loaded, and no program uses it. */
export function hidesLegacyTables(files: Files): boolean {
  try {
    files.read(LEGACY_TABLES);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** Kubelet leaves a chain of this name in the variant that it writes with. */
async function kubeletUsesNft(): Promise<boolean> {
  const driver = createExecDriver({ family: 'IPv4', variant: 'nft' });
  const answer = await driver.hasChain('mangle', 'KUBE-KUBELET-CANARY');
  await driver.close();
  return answer.ok && answer.value;
}

async function whatIsMissing(driver: IptablesDriver): Promise<readonly string[] | BackendError> {
  const missing = await askModules(driver);
  if ('code' in missing) return missing;
  return (
    unsupportedError(missing) ??
    missing.map(({ module, neededFor }) => `kernel module ${module} is missing, no rules for ${neededFor}`)
  );
}

/** Whether iptables works, and what the kernel lacks for rules of Services. */
async function askModules(driver: IptablesDriver): Promise<readonly MissingModule[] | BackendError> {
  const answer = await driver.hasChain('nat', 'POSTROUTING');
  if (!answer.ok) return answer.error;
  // Rules of Services have been written since this kernel started: nothing is missing, and large tables are slow to write.
  const isInUse = await driver.hasChain('nat', CANARY);
  if (isInUse.ok && isInUse.value) return [];
  const missing = await findMissingModules(driver);
  // Not because of a module: the first sync reports it.
  return 'code' in missing && missing.code === 'rejected' ? [] : missing;
}

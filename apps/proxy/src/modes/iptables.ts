import { uptime } from 'node:os';
import {
  CANARY,
  cleanupVariants,
  createExecDriver,
  createRecentLists,
  createIptablesBackend,
  findMissingModules,
  IPTABLES_RULES,
  kubeletMovedTo,
  LOCALHOST_NODE_PORTS_SYSCTL,
  mayHaveRules,
  readAffinityClients,
  surveyVariants,
  unsupportedError,
  writeAffinityClients,
  type IptablesDriver,
  type KeptRules,
  type MissingModule,
  type OnToolNotice,
} from '@signalbox/backend-iptables';
import {
  FAMILIES,
  type BackendError,
  type CleanupResult,
  type Clock,
  type Family,
  type Result,
} from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import type { KubeProxyConfiguration } from '../config/types.ts';
import type { Logger } from '../logging/logger.ts';
import { needsRouteLocalnet } from '../node/prepare-node.ts';
import { readTrimmed, systemFiles, type Files } from '../node/sysctl.ts';
import { countersCleaner, openPacketCounters, withCounters } from './packet-counters.ts';
import { probeFamilies } from './probe-families.ts';
import type {
  Cleaner,
  FamilySupport,
  ModeBackend,
  ModeSettings,
  NodeFacts,
  ProxyMode,
  Successor,
} from './proxy-mode.ts';

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
  unusedClusterIPs: { port: 'pass', address: 'pass' },
  probe: (_, logger) => probeIptables({ clock: systemClock, logger }),
  sysctls: ({ config }) => Promise.resolve(needsRouteLocalnet(config) ? [LOCALHOST_NODE_PORTS_SYSCTL] : []),
  openCounters: (families, logger) => openPacketCounters(families, logger),
  createBackend: (settings, family, facts) => Promise.resolve(iptablesBackend(settings, family, facts)),
  cleaners: (_, successor) => [
    ...FAMILIES.map((family) => rulesCleaner(family, successor)),
    ...(successor?.mode === 'iptables' ? [] : [countersCleaner()]),
  ],
  affinity: {
    read: (_, services) => readAffinityClients(services, { lists: createRecentLists(), uptime }),
    write: (_, clients) => writeAffinityClients(clients),
  },
  survey: () => surveyFamilies((family) => surveyRules(family)),
};

/** Where a family does not work, or its tool is missing, there is nothing of it. */
export async function surveyFamilies(
  ask: (family: Family) => Promise<Result<readonly string[]>>,
): Promise<readonly string[] | BackendError> {
  const lines: string[] = [];
  for (const family of FAMILIES) {
    const found = await ask(family);
    if (found.ok) lines.push(...found.value.map((line) => `${line}, ${family}`));
    else if (found.error.code !== 'unsupported' && found.error.code !== 'unavailable') return found.error;
  }
  return lines;
}

async function surveyRules(family: Family): Promise<Result<readonly string[]>> {
  const driver = createExecDriver({ family });
  const found = await surveyVariants(driver);
  await driver.close();
  return found;
}

/** Of both variants, but for the rules of the mode that runs: one with the same names, or this mode in one variant. */
function rulesCleaner(family: Family, successor: Successor | undefined): Cleaner {
  return {
    mode: 'iptables',
    family,
    clean: async () => {
      const isSameMode = successor?.mode === 'iptables';
      const kept = keptOf(successor, family, 'iptables');
      const query = { family, kept, own: IPTABLES_RULES };
      if (!(await mayHaveRules(query))) return NOTHING;
      const driver = createExecDriver({ family, variant: kept?.variant ?? 'detect' });
      const result = await cleanupVariants(driver, isSameMode ? 'all' : kept?.rules);
      await driver.close();
      return result;
    },
  };
}

export const NOTHING: CleanupResult = { outcome: 'ok', removed: [] };

/** What the clean-up of `mode` leaves in place: if that mode runs, everything in the variant that it uses. */
export function keptOf(successor: Successor | undefined, family: Family, mode: string): KeptRules | null {
  const kept = successor?.rules(family) ?? null;
  return kept !== null && successor?.mode === mode ? { ...kept, rules: 'all' } : kept;
}

/** Node ports at loopback need a kernel setting that only the start makes. */
function newToLoopback(before: KubeProxyConfiguration, after: KubeProxyConfiguration): readonly string[] {
  return needsRouteLocalnet(after) && !needsRouteLocalnet(before) ? ['nodePortAddresses'] : [];
}

function measuredDriver(
  driver: IptablesDriver,
  { measureWrite }: Pick<NodeFacts, 'measureWrite'>,
): IptablesDriver {
  if (measureWrite === undefined) return driver;
  return { ...driver, restore: (input) => measureWrite(() => driver.restore(input)) };
}

function iptablesBackend(
  { config }: ModeSettings,
  family: Family,
  facts: Pick<NodeFacts, 'counters' | 'syncPeriod' | 'onNotice' | 'measureWrite'>,
): ModeBackend {
  const liberal = readTrimmed(systemFiles, '/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal');
  const { masqueradeBit } = config.iptables;
  const { counters } = facts;
  const counting = counters?.drivers.get(family);
  const driver = counting ?? createExecDriver({ family, ...noticesOf(facts) });
  const backend = createIptablesBackend({
    family,
    driver: measuredDriver(driver, facts),
    accounting: counting !== undefined,
    masqueradeBit,
    // Where the module is not loaded yet, the setting is made when it is.
    conntrackLiberal: config.conntrack.tcpBeLiberal || (liberal !== null && liberal !== '0'),
    checkInterval: facts.syncPeriod,
  });
  const serving = counters === null || counting === undefined ? backend : withCounters(backend, counters);
  return {
    ...serving,
    rules: () => rulesIn(driver, IPTABLES_RULES),
    whyOutdated: () => whyOtherVariant(driver),
  };
}

/** What cannot be asked now is asked again. */
export async function whyOtherVariant(driver: IptablesDriver): Promise<string | null> {
  const moved = await kubeletMovedTo(driver);
  return moved.ok && moved.value !== null ? `kubelet uses the ${moved.value} variant of iptables` : null;
}

/** Of a mode that writes with this driver. */
export async function rulesIn(
  driver: IptablesDriver,
  rules: KeptRules['rules'],
): Promise<KeptRules | BackendError> {
  const tool = await driver.probe();
  return tool.ok ? { variant: tool.value.variant, rules } : tool.error;
}

export function noticesOf(facts: Pick<NodeFacts, 'onNotice'>): Pick<NodeFacts, 'onNotice'> {
  return facts.onNotice === undefined ? {} : { onNotice: facts.onNotice };
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
  `cannot read ${LEGACY_TABLES}, so the variant of iptables that this node uses is unknown: nft is used; ` +
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

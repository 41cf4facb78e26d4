import {
  createExecDriver,
  mayHaveRules,
  type IptablesDriver,
  type KeptRules,
} from '@signalbox/backend-iptables';
import type { IpvsBackendOptions, IpvsDriver } from '@signalbox/backend-ipvs';
import { FAMILIES, formatBackendError, type CleanupResult, type Family, type Result } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import { release } from 'node:os';
import { standalone } from '../flags/standalone.ts';
import type { Logger } from '../logging/logger.ts';
import { STATE_FOLDER } from '../node/state-file.ts';
import { sysctlOf, type Sysctl } from '../node/sysctl.ts';
import {
  keptOf,
  NOTHING,
  noticesOf,
  probeIptables,
  rulesIn,
  surveyFamilies,
  whyOtherVariant,
} from './iptables.ts';
import type {
  Cleaner,
  FamilySupport,
  ModeBackend,
  ModeSettings,
  NodeFacts,
  ProxyMode,
  Successor,
} from './proxy-mode.ts';

export const IPVS: ProxyMode = {
  name: 'ipvs',
  platform: 'linux',
  configuration: {
    periods: 'ipvs',
    periodFlags: 'ipvs',
    masquerade: 'iptables',
    ownSection: 'ipvs',
    localhostNodePorts: () => false,
  },
  flows: 'conntrack',
  bindsExternalAddresses: true,
  // `passthrough`: see packages/backend-ipvs/src/compile/no-endpoints.ts.
  externalFailovers: ['drop', 'reject', 'cluster'],
  metrics: ['restore'],
  unusedClusterIPs: { port: 'reject', address: 'pass' },
  probe,
  // The backend makes its own once the kernel's module is there; an --init-only run has no backend, and loads it here.
  sysctls: async (settings) =>
    settings.initOnly ? ((await whyNoIpvs(settings)) ?? ipvsSysctls(settings)) : [],
  createBackend: ipvsBackend,
  cleaners: (settings, successor) => FAMILIES.map((family) => cleaner(settings, family, successor)),
  affinity: {
    read: async (_, services) => (await import('@signalbox/backend-ipvs')).readAffinityClients(services),
  },
  survey: (settings) => surveyFamilies((family) => surveyServers(settings, family)),
  // Its default gives each endpoint the same share.
  balancing: ({ ipvs: { scheduler } }) =>
    scheduler === '' || scheduler === 'rr' ? null : `the IPVS scheduler ${scheduler}`,
};

async function surveyServers(settings: ModeSettings, family: Family): Promise<Result<readonly string[]>> {
  const { createNetlinkDriver, surveyIpvs } = await import('@signalbox/backend-ipvs');
  const driver = createNetlinkDriver({ family, iptables: createExecDriver({ family }) });
  const found = await surveyIpvs({ ...(await ipvsOptions(settings, family)), driver });
  await driver.close();
  return found;
}

function cleaner(settings: ModeSettings, family: Family, successor: Successor | undefined): Cleaner {
  return {
    mode: 'ipvs',
    family,
    clean: async () => {
      const isSameMode = successor?.mode === 'ipvs';
      const kept = keptOf(successor, family, 'ipvs');
      const iptables = createExecDriver({ family, variant: kept?.variant ?? 'detect' });
      if (isSameMode) return cleanOtherVariant(iptables, kept);
      return cleanAll(settings, { iptables, kept, keepConnections: successor?.keepConnections ?? false });
    },
  };
}

interface Removal {
  readonly iptables: IptablesDriver;
  readonly kept: KeptRules | null;
  readonly keepConnections: boolean;
}

async function cleanAll(
  settings: ModeSettings,
  { iptables, kept, keepConnections }: Removal,
): Promise<CleanupResult> {
  const { cleanUpIpvs, createNetlinkDriver } = await import('@signalbox/backend-ipvs');
  const { family } = iptables;
  const driver = createNetlinkDriver({ family, iptables });
  const options = { ...(await ipvsOptions(settings, family)), driver };
  const result = await cleanUpIpvs(options, { kept, keepConnections });
  await driver.close();
  return result;
}

/** Rules of this mode in the variant of iptables that it wrote before. */
async function cleanOtherVariant(iptables: IptablesDriver, kept: KeptRules | null): Promise<CleanupResult> {
  const { obsoleteRules, ownershipOf, removeObsoleteRules } = await import('@signalbox/backend-ipvs');
  const { family } = iptables;
  const own = ownershipOf(obsoleteRules(family), family);
  if (!(await mayHaveRules({ family, own, kept }))) return NOTHING;
  const result = await removeObsoleteRules(iptables, obsoleteRules(family), 'all');
  await iptables.close();
  return result.ok ? { outcome: 'ok', removed: result.value } : { outcome: 'failed', error: result.error };
}

/** It writes iptables rules too, and so asks about them first. */
async function probe(settings: ModeSettings, logger: Logger): Promise<FamilySupport> {
  const support = await probeIptables({ clock: systemClock, logger });
  const missing = support.families.length > 0 ? await whyNoIpvs(settings) : null;
  return missing === null ? support : { families: [], reasons: [missing] };
}

async function ipvsBackend(
  settings: ModeSettings,
  family: Family,
  facts: Pick<NodeFacts, 'onNotice' | 'measureWrite'>,
): Promise<ModeBackend> {
  const { createIpvsBackend, createNetlinkDriver, ipvsRules } = await import('@signalbox/backend-ipvs');
  const iptables = createExecDriver({ family, ...noticesOf(facts) });
  const kernel = createNetlinkDriver({ family, iptables });
  const { measureWrite } = facts;
  const driver: IpvsDriver =
    measureWrite === undefined
      ? kernel
      : { ...kernel, apply: (operations) => measureWrite(() => kernel.apply(operations)) };
  // It reads only, with sockets and processes of its own, which are opened at the first request.
  const inspector = createNetlinkDriver({ family });
  const backend = createIpvsBackend({ ...(await ipvsOptions(settings, family)), driver, inspector });
  return Object.assign(backend, {
    rules: () => rulesIn(iptables, ipvsRules(family)),
    whyOutdated: () => whyOtherVariant(iptables),
  });
}

/** What the command line and the file say about the mode. */
export async function ipvsOptions(
  { config, given }: Pick<ModeSettings, 'config' | 'given'>,
  family: Family,
): Promise<Omit<IpvsBackendOptions, 'driver' | 'inspector'>> {
  const { fileJournal } = await import('@signalbox/backend-ipvs');
  const { ipvs, iptables } = config;
  return {
    family,
    scheduler: ipvs.scheduler,
    excludeCIDRs: ipvs.excludeCIDRs,
    strictARP: ipvs.strictARP,
    timeouts: { tcp: ipvs.tcpTimeout / 1000, tcpFin: ipvs.tcpFinTimeout / 1000, udp: ipvs.udpTimeout / 1000 },
    masqueradeBit: iptables.masqueradeBit,
    // A sync of nothing comes once a sync period, which a running proxy may be given anew.
    reconcileInterval: 0,
    journal: fileJournal(`${STATE_FOLDER}/ipvs-${family.toLowerCase()}.json`),
    localPolicyFallback: standalone(given, 'ipvs-local-policy-fallback') === 'cluster' ? 'cluster' : 'drop',
  };
}

/** Loads the kernel modules that it needs; one line when the kernel cannot do it. */
async function whyNoIpvs({ config }: ModeSettings): Promise<string | null> {
  const { createNetlinkDriver, DEFAULT_SCHEDULER } = await import('@signalbox/backend-ipvs');
  const driver = createNetlinkDriver({ family: 'IPv4' });
  const error = await driver.probe(config.ipvs.scheduler || DEFAULT_SCHEDULER);
  await driver.close();
  return error === null ? null : `ipvs: ${formatBackendError(error)}`;
}

async function ipvsSysctls({ config }: ModeSettings): Promise<readonly Sysctl[]> {
  const { requiredSysctls } = await import('@signalbox/backend-ipvs');
  const { strictARP } = config.ipvs;
  return requiredSysctls({ kernelRelease: release(), strictARP }).map(sysctlOf);
}

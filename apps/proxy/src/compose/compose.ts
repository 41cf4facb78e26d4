/** The one place that knows every backend and every source. */
import { createModel, FAMILIES, type Backend, type Family } from '@signalbox/core';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import { needsRouteLocalnet } from '../node/prepare-node.ts';
import type { Sysctl } from '../node/sysctl.ts';
import { systemClock } from '@signalbox/kubernetes';
import { modelConfig } from '../sync/model-config.ts';
import type { Composition, FamilySupport, NodeFacts } from './composition.ts';
import { reportExceptions } from './exceptions.ts';
import { createFlowCleaner, loadConntrack } from './flow-cleaner.ts';
import { iptablesBackend, LOCALHOST_SYSCTL, probeIptables } from './iptables.ts';
import { ipvsBackend, ipvsSysctls, whyNoIpvs } from './ipvs.ts';
import { kernelspaceBackend, probeKernelspace, startWindowsService, windowsServices } from './kernelspace.ts';
import { nftablesCleaners } from './leftovers.ts';
import { countersCleaner, openPacketCounters } from './packet-counters.ts';
import { createSource } from './sources.ts';

export const composition: Composition = {
  clock: systemClock,
  reportExceptions: (logger) => reportExceptions(process, logger),
  createModel: (settings) => createModel(modelConfig(settings)),
  createSource,
  modeSysctls,
  loadConntrack: () => loadConntrack(),
  probeFamilies,
  openCounters: ({ config }, families, logger) =>
    config.mode === 'iptables' ? openPacketCounters(families, logger) : Promise.resolve(null),
  createBackend,
  createFlowCleaner: (settings, family) =>
    settings.config.mode === 'kernelspace' ? null : createFlowCleaner(family),
  removeLeftovers,
  createCleaners,
  services: windowsServices,
  startService: startWindowsService,
};

async function probeFamilies(settings: Settings, logger: Logger): Promise<FamilySupport> {
  const { mode } = settings.config;
  if (mode === 'kernelspace') return probeKernelspace(settings);
  // ipvs mode writes iptables rules too, and so asks the same question first.
  const support = await probeIptables({ clock: systemClock, logger });
  const missing = mode === 'ipvs' && support.families.length > 0 ? await whyNoIpvs(settings) : null;
  return missing === null ? support : { families: [], reasons: [missing] };
}

/** Validation has let only modes through that are built in. */
function createBackend(settings: Settings, family: Family, facts: NodeFacts): Promise<Backend> {
  switch (settings.config.mode) {
    case 'ipvs':
      return ipvsBackend(settings, family, facts);
    case 'kernelspace':
      return Promise.resolve(kernelspaceBackend(settings, family, facts));
    default:
      return Promise.resolve(iptablesBackend(settings, family, facts));
  }
}

async function modeSysctls(settings: Settings): Promise<readonly Sysctl[] | string> {
  const { config } = settings;
  if (config.mode === 'ipvs') {
    // The backend makes its own once the kernel's module is there; an --init-only run has no backend, and loads it here.
    if (!settings.initOnly) return [];
    return (await whyNoIpvs(settings)) ?? ipvsSysctls(settings);
  }
  return config.mode === 'iptables' && needsRouteLocalnet(config) ? [LOCALHOST_SYSCTL] : [];
}

async function createCleaners(settings: Settings): Promise<readonly Backend[]> {
  if (process.platform !== 'linux') return [];
  const iptables = FAMILIES.map((family) => iptablesBackend(settings, family, null));
  const ipvs = await Promise.all(FAMILIES.map((family) => ipvsBackend(settings, family, null)));
  return [...iptables, countersCleaner(), ...ipvs, ...nftablesCleaners()];
}

/** Rules of nftables mode come before those of iptables and ipvs, and would win: its tables go first. */
async function removeLeftovers({ config }: Settings, logger: Logger): Promise<void> {
  if (config.mode !== 'iptables' && config.mode !== 'ipvs') return;
  const results = await Promise.all(nftablesCleaners().map((cleaner) => cleaner.cleanup()));
  for (const result of results) {
    if (result.outcome === 'failed') continue;
    for (const removed of result.removed) logger.info('Removed leftovers of nftables mode', { removed });
  }
}

/** The one place that knows every backend and every source. */
import { createModel, FAMILIES, type Backend } from '@signalbox/core';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import { systemClock } from '../node/system-clock.ts';
import { modelConfig } from '../sync/model-config.ts';
import type { Composition } from './composition.ts';
import { createFlowCleaner } from './flow-cleaner.ts';
import { iptablesBackend, probeIptables } from './iptables.ts';
import { nftablesCleaners } from './leftovers.ts';
import { createSource } from './sources.ts';

export const composition: Composition = {
  clock: systemClock,
  createModel: (settings) => createModel(modelConfig(settings)),
  createSource,
  probeFamilies: () => probeIptables(),
  createBackend: (settings, family) => Promise.resolve(iptablesBackend(settings, family)),
  createFlowCleaner: (_settings, family) => createFlowCleaner(family),
  removeLeftovers,
  createCleaners: (settings) => Promise.resolve(createCleaners(settings)),
};

function createCleaners(settings: Settings): readonly Backend[] {
  if (process.platform !== 'linux') return [];
  return [...FAMILIES.map((family) => iptablesBackend(settings, family)), ...nftablesCleaners()];
}

/** iptables and ipvs rules come after those of nftables mode, which would win: its tables go first. */
async function removeLeftovers({ config }: Settings, logger: Logger): Promise<void> {
  if (config.mode !== 'iptables' && config.mode !== 'ipvs') return;
  for (const cleaner of nftablesCleaners()) {
    const result = await cleaner.cleanup();
    if (result.outcome === 'ok')
      result.removed.forEach((removed) => logger.info('Removed leftovers of nftables mode', { removed }));
  }
}

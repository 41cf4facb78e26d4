/** The proxy's parts as they are in production: sources, the kernel, and the modes that it is given. */
import { createModel } from '@signalbox/core';
import { systemClock } from '@signalbox/kubernetes';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import { CLEANED_ONLY, MODES } from '../modes/index.ts';
import type { Cleaner, Leftovers, ProxyMode } from '../modes/proxy-mode.ts';
import { takeInstanceLock } from '../node/instance-lock.ts';
import { modelConfig } from '../sync/model-config.ts';
import type { Composition } from './composition.ts';
import { reportExceptions } from './exceptions.ts';
import { createFlowCleaner, loadConntrack } from './flow-cleaner.ts';
import { createSource } from './sources.ts';
import { startWindowsService, windowsServices } from './windows-service.ts';

export function createComposition(
  modes: readonly ProxyMode[] = MODES,
  cleanedOnly: readonly Leftovers[] = CLEANED_ONLY,
): Composition {
  const leftovers = [...modes, ...cleanedOnly];
  return {
    modes,
    clock: systemClock,
    reportExceptions: (logger) => reportExceptions(process, logger),
    createModel: (settings) => createModel(modelConfig(settings)),
    createSource,
    modeSysctls: (settings) => settings.mode.sysctls(settings),
    loadConntrack: () => loadConntrack(),
    takeInstanceLock: () => takeInstanceLock(),
    probeFamilies: (settings, logger) => settings.mode.probe(settings, logger),
    openCounters: async ({ mode }, families, logger) => (await mode.openCounters?.(families, logger)) ?? null,
    createBackend: (settings, family, facts) => settings.mode.createBackend(settings, family, facts),
    createFlowCleaner: ({ mode }, family) => (mode.flows === 'conntrack' ? createFlowCleaner(family) : null),
    removeLeftovers: (settings, logger) => removeLeftovers(leftovers, settings, logger),
    createCleaners: (settings) =>
      leftovers
        .filter(({ platform }) => platform === settings.mode.platform)
        .flatMap((mode) => mode.cleaners(settings)),
    services: windowsServices,
    startService: startWindowsService,
  };
}

/** Failures are ignored: `--cleanup` reports them. */
async function removeLeftovers(
  leftovers: readonly Leftovers[],
  settings: Settings,
  logger: Logger,
): Promise<void> {
  const displaced = leftovers.filter(({ name }) => settings.mode.displaces.includes(name));
  const cleaners: readonly Cleaner[] = displaced.flatMap((mode) => mode.cleaners(settings));
  await Promise.all(
    cleaners.map(async ({ mode, clean }) => {
      const result = await clean();
      if (result.outcome === 'failed') return;
      for (const removed of result.removed) logger.info(`Removed leftovers of ${mode} mode`, { removed });
    }),
  );
}

/** The proxy's parts as they are in production: sources, the kernel, and the modes that it is given. */
import { setFlagsFromString } from 'node:v8';
import { createModel, formatBackendError } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import type { Logger } from '../logging/logger.ts';
import { MODES } from '../modes/index.ts';
import type { Cleaner, ProxyMode } from '../modes/proxy-mode.ts';
import { takeInstanceLock } from '../node/instance-lock.ts';
import { networkNamespace, stateFile, STATE_FOLDER } from '../node/state-file.ts';
import { modelConfig } from '../sync/model-config.ts';
import { createPreciseTime } from '../tracing/precise-time.ts';
import { carryAffinity } from './carry-affinity.ts';
import type { Composition, Leftovers } from './composition.ts';
import { reportExceptions } from './exceptions.ts';
import { createFlowCleaner, loadConntrack } from './flow-cleaner.ts';
import { createSource } from './sources.ts';
import { startWindowsService, windowsServices } from './windows-service.ts';

export function createComposition(modes: readonly ProxyMode[] = MODES): Composition {
  return {
    modes,
    clock: systemClock,
    preciseTime: createPreciseTime(),
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
    removeLeftovers: (settings, successor, logger) =>
      removeLeftovers(
        modes
          .filter(({ platform }) => platform === settings.mode.platform)
          .flatMap((mode) => mode.cleaners(settings, successor)),
        { logger, toleratesMissingPrivileges: settings.mode.worksUnprivileged === true },
      ),
    firstSyncIsOver: keepHeapSmall,
    carryAffinity: ({ mode }, states, logger) =>
      carryAffinity({
        mode,
        others: modes.filter((each) => each !== mode && each.platform === mode.platform),
        states,
        logger,
      }),
    openStateFile: (name, family) =>
      stateFile(`${STATE_FOLDER}/${name}-${networkNamespace()}-${family.toLowerCase()}.json`),
    createCleaners: (settings) =>
      modes
        .filter(({ platform }) => platform === settings.mode.platform)
        .flatMap((mode) => mode.cleaners(settings)),
    services: windowsServices,
    startService: startWindowsService,
  };
}

interface RemovalOptions {
  readonly logger: Logger;
  /** Objects that this process may not even list are left to a process that may: a detail (v=2). */
  readonly toleratesMissingPrivileges: boolean;
}

async function removeLeftovers(
  cleaners: readonly Cleaner[],
  { logger, toleratesMissingPrivileges }: RemovalOptions,
): Promise<Leftovers> {
  const failures: string[] = [];
  let inUse = 0;
  for (const { mode, family, clean } of cleaners) {
    const result = await clean();
    if (result.outcome === 'failed' && toleratesMissingPrivileges && result.error.code === 'not-permitted') {
      logger.debug(2, `Leftovers of ${mode} mode not listed`, { err: formatBackendError(result.error) });
      continue;
    }
    if (result.outcome === 'failed') {
      failures.push(`${mode} mode, ${family ?? 'IPv4, IPv6'}: ${formatBackendError(result.error)}`);
      continue;
    }
    inUse += result.inUse ?? 0;
    for (const removed of result.removed) logger.info(`Removed leftovers of ${mode} mode`, { removed });
  }
  return { failures, inUse };
}

/**
 * V8 compacts the heap in small steps 8 s after a collection, if the process is at rest. With few collections it never
 * considers it so ("high alloc" of `--trace-memory-reducer`); with this flag it does not ask, and each collection returns
 * free pages to the system. Set here, the flag has no effect on the code that V8 generates.
 *
 * Not before the first sync is over: the heap grows until then, and each of its collections, too, would compact it and drop
 * what optimized code depends on.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--optimize-for-size');
}

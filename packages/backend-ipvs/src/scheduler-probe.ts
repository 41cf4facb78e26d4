/** Which schedulers this kernel has, of those that service ports specify. */
import type { BalancingSupport, DesiredChange } from '@signalbox/core';
import { balancingOf, preferredSchedulers, type Schedulers } from './compile/load-balancing.ts';
import type { Settings } from './options.ts';

export interface SchedulerProbe {
  /** Live: service ports that specify a missing one have the default. */
  readonly known: Schedulers;
  /** Before the change is compiled: tries those of its service ports that were not tried yet, each once. */
  prepare(change: DesiredChange): Promise<void>;
  support(): BalancingSupport;
}

export function createSchedulerProbe({
  driver,
  scheduler,
}: Pick<Settings, 'driver' | 'scheduler'>): SchedulerProbe {
  const missing = new Set<string>();
  const known: Schedulers = { scheduler, missingSchedulers: missing };
  // Without the one of the node nothing can be programmed: `prepareKernel` tries it.
  const tried = new Set([scheduler]);
  return {
    known,
    async prepare({ servicePorts: { added, changed } }) {
      const untried = new Set<string>();
      for (const port of [...added, ...changed.map(({ after }) => after)]) {
        for (const each of preferredSchedulers(port, scheduler)) if (!tried.has(each)) untried.add(each);
      }
      for (const each of untried) {
        const error = await driver.probe(each);
        // After another error the kernel decides when the virtual server is written.
        if (error !== null && error.code !== 'unsupported') continue;
        tried.add(each);
        if (error !== null) missing.add(each);
      }
    },
    support: () => balancingOf(known),
  };
}

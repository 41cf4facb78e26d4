/** Which schedulers this kernel has, of those that service ports specify. */
import type { BalancingSupport, DesiredChange } from '@signalbox/core';
import { balancingOf, preferredSchedulers, type Schedulers } from './compile/load-balancing.ts';
import type { Settings } from './options.ts';

export class SchedulerProbe {
  /** Live: service ports that specify a missing one have the default. */
  readonly known: Schedulers;
  readonly #driver: Settings['driver'];
  readonly #missing = new Set<string>();
  readonly #tried: Set<string>;

  constructor(settings: Pick<Settings, 'driver' | 'scheduler'>) {
    const { driver, scheduler } = settings;
    this.#driver = driver;
    this.known = { scheduler, missingSchedulers: this.#missing };
    // Without the one of the node nothing can be programmed: `prepareKernel` tries it.
    this.#tried = new Set([scheduler]);
  }

  /** Before the change is compiled: tries those of its service ports that were not tried yet, each once. */
  async prepare({ servicePorts: { added, changed } }: DesiredChange): Promise<void> {
    const { scheduler } = this.known;
    const untried = new Set<string>();
    for (const port of [...added, ...changed.map(({ after }) => after)]) {
      for (const each of preferredSchedulers(port, scheduler)) if (!this.#tried.has(each)) untried.add(each);
    }
    for (const each of untried) {
      const error = await this.#driver.probe(each);
      // After another error the kernel decides when the virtual server is written.
      if (error !== null && error.code !== 'unsupported') continue;
      this.#tried.add(each);
      if (error !== null) this.#missing.add(each);
    }
  }

  support(): BalancingSupport {
    return balancingOf(this.known);
  }
}

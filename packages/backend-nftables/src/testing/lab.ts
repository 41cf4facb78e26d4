/** A backend on a fake kernel, and the samples of both, for tests. */
import {
  changeBetween,
  sampleServicePort,
  type SampleServicePort,
  sampleStateOf,
} from '@signalbox/backend-kit/testing';
import {
  type Backend,
  type DesiredChange,
  type DesiredState,
  type Family,
  fullChange,
  type SyncResult,
} from '@signalbox/core';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import type { NftablesOptions } from '../options.ts';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import { createFakeNftables, type FakeNftables, type FakeOptions } from './fake-nftables.ts';

export interface Lab {
  readonly fake: FakeNftables;
  readonly backend: Backend;
  /** What was asked of the kernel so far. */
  readonly calls: Record<'commit' | 'structure' | 'observe' | 'generation', number>;
  /** Runs before the next commits, as other processes would get in between. */
  readonly beforeCommit: (() => void)[];
  /** As `beforeCommit`, ahead of looks at the structure. */
  readonly beforeLook: (() => void)[];
  /** As `sync`, of the difference between the last state and this one. */
  readonly change: (after: DesiredState) => Promise<SyncResult>;
  /** With nothing new. */
  readonly again: () => Promise<SyncResult>;
}

export interface LabOptions extends Partial<FakeOptions> {
  readonly backend?: Partial<NftablesOptions>;
  /** The driver that verification uses, made from that of the fake kernel. */
  readonly verifier?: (driver: NftablesDriver) => NftablesDriver;
}

export function stateOf(shapes: readonly SampleServicePort[], family: Family = 'IPv4'): DesiredState {
  return sampleStateOf(
    family,
    shapes.map((shape, index) => sampleServicePort(family, { index, ...shape })),
  );
}

/** After the first sync of `first`. */
export async function startLab(first: DesiredState, options: LabOptions = {}): Promise<Lab> {
  const { backend: backendOptions, verifier = (same) => same, ...fakeOptions } = options;
  const fake = createFakeNftables({ family: first.family, ...fakeOptions });
  const calls: Lab['calls'] = { commit: 0, structure: 0, observe: 0, generation: 0 };
  const before: Before = { commit: [], look: [] };
  const driver = watched(fake.driver, calls, before);
  const backend = createNftablesBackend({
    family: first.family,
    driver,
    verifier: verifier(driver),
    ...backendOptions,
  });
  const current = { state: first };
  await backend.sync(fullChange(first));
  for (const name of Object.keys(calls) as (keyof Lab['calls'])[]) calls[name] = 0;
  return {
    fake,
    backend,
    calls,
    beforeCommit: before.commit,
    beforeLook: before.look,
    change(after) {
      const change = changeBetween(current.state, after);
      current.state = after;
      return backend.sync(change);
    },
    again: () => backend.sync(emptyChange(current.state)),
  };
}

function emptyChange(state: DesiredState): DesiredChange {
  return changeBetween(state, state);
}

interface Before {
  readonly commit: (() => void)[];
  readonly look: (() => void)[];
}

function watched(driver: NftablesDriver, calls: Lab['calls'], before: Before): NftablesDriver {
  return {
    ...driver,
    generation: () => ((calls.generation += 1), driver.generation()),
    structure: () => {
      before.look.shift()?.();
      calls.structure += 1;
      return driver.structure();
    },
    observe: (...reading) => ((calls.observe += 1), driver.observe(...reading)),
    commit: (work) => {
      before.commit.shift()?.();
      calls.commit += 1;
      return driver.commit(work);
    },
  };
}

import type { Result } from '@signalbox/core';

/**
 * The generations that commits of this process made. Both families commit to one rule set: the other family's commit raises
 * the generation and leaves the table of this one as it is, which is no reason to look.
 */
export interface OwnCommits {
  /** Batches were committed on top of generation `from`, and nothing else until `to`. */
  add(from: number, to: number): void;
  /** The latest generation to which commits of this process alone led from this one. */
  latestSince(generation: number): number;
  /** The present generation, requested once where the polls of both families come together: it is that of the namespace. */
  polled(request: () => Promise<Result<number>>): Promise<Result<number>>;
}

/** Empty; only the latest uninterrupted series of commits of this process is kept. */
export function createOwnCommits(): OwnCommits {
  // One unbroken run is enough: behind a commit of another process each family has to look anyway.
  let run = { from: 0, to: 0 };
  let requested: Promise<Result<number>> | null = null;
  return {
    add(from, to) {
      if (from === to) return;
      run = run.to === from ? { from: run.from, to } : { from, to };
    },
    latestSince(generation) {
      // Generations are counted on from 2^32 - 1 at 0.
      const isWithin = (generation - run.from) >>> 0 <= (run.to - run.from) >>> 0;
      return isWithin ? run.to : generation;
    },
    polled(request) {
      requested ??= request().finally(() => (requested = null));
      return requested;
    },
  };
}

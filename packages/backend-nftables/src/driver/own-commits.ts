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
  /** Whether nothing but commits of this process lies between two generations, whichever is the later one. */
  isOwnStep(one: number, other: number): boolean;
  /** A commit of this process, and its `add`: until it ends the kernel may be ahead of what was added. */
  follow<T>(commit: Promise<T>): Promise<T>;
  /** Resolves once the commits that are under way now have ended. */
  settled(): Promise<void>;
  /** The present generation, requested once where the polls of both families come together: it is that of the namespace. */
  polled(request: () => Promise<Result<number>>): Promise<Result<number>>;
}

/** Empty; only the latest uninterrupted series of commits of this process is kept. */
export function createOwnCommits(): OwnCommits {
  // One unbroken run is enough: behind a commit of another process each family has to look anyway.
  let run = { from: 0, to: 0 };
  let requested: Promise<Result<number>> | null = null;
  const underWay = new Set<Promise<unknown>>();
  const latestSince = (generation: number): number => {
    // Generations are counted on from 2^32 - 1 at 0.
    const isWithin = (generation - run.from) >>> 0 <= (run.to - run.from) >>> 0;
    return isWithin ? run.to : generation;
  };
  return {
    add(from, to) {
      if (from === to) return;
      run = run.to === from ? { from: run.from, to } : { from, to };
    },
    latestSince,
    isOwnStep: (one, other) => latestSince(one) === latestSince(other),
    follow(commit) {
      underWay.add(commit);
      return commit.finally(() => underWay.delete(commit));
    },
    async settled() {
      await Promise.allSettled(underWay);
    },
    polled(request) {
      requested ??= request().finally(() => (requested = null));
      return requested;
    },
  };
}

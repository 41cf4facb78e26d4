import type { NetlinkResult } from '../result.ts';

export interface Kept<T> {
  /** Requested at the first call and kept, also for calls during the request; after a failure it is requested again. */
  get(): Promise<NetlinkResult<T>>;
  /** The next call requests it again. */
  drop(): void;
}

/** A value that the kernel gives once: the number of a family, the version of a protocol. */
export function keepSuccess<T>(request: () => Promise<NetlinkResult<T>>): Kept<T> {
  const state: { answer?: Promise<NetlinkResult<T>> } = {};
  return {
    async get() {
      const requested = (state.answer ??= request());
      const answer = await requested;
      // After `drop`, another request may have taken its place.
      if (!answer.ok && state.answer === requested) delete state.answer;
      return answer;
    },
    drop: () => void delete state.answer,
  };
}

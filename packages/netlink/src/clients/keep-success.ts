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
      state.answer ??= request();
      const answer = await state.answer;
      if (!answer.ok) delete state.answer;
      return answer;
    },
    drop: () => void delete state.answer,
  };
}

import type { Backend, Family } from '@signalbox/core';
import type { Cleaner } from './proxy-mode.ts';

/** Cleans by a backend that is made for it, and closed again. */
export function cleanerOf(
  about: { readonly mode: string; readonly family: Family },
  create: () => Promise<Backend>,
): Cleaner {
  return {
    ...about,
    clean: async () => {
      const backend = await create();
      const result = await backend.cleanup();
      await backend.close();
      return result;
    },
  };
}

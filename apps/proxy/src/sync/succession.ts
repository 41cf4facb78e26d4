/** When the rules of an earlier mode may go: not before those of this one were found in the kernel, for every family. */
import type { Family } from '@signalbox/core';
import type { Logger } from '../logging/logger.ts';

export interface SuccessionOptions {
  readonly families: readonly Family[];
  readonly removeLeftovers: () => Promise<void>;
  readonly logger: Logger;
}

export interface Succession {
  /** The first sync of this family was found in the kernel. */
  verified(family: Family): void;
  /** Resolves when no removal runs. */
  idle(): Promise<void>;
}

export function createSuccession({ families, removeLeftovers, logger }: SuccessionOptions): Succession {
  const waiting = new Set(families);
  let removal = Promise.resolve();
  return {
    verified: (family) => {
      if (!waiting.delete(family) || waiting.size > 0) return;
      removal = removeLeftovers().catch((error: unknown) => {
        logger.error('Removal of leftovers ended early', { err: error });
      });
    },
    idle: () => removal,
  };
}

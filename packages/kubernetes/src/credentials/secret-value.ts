import { type Clock, type Result, succeed } from '@signalbox/core';

import type { Material } from '../config/cluster-config.ts';
import { readSmallFile } from '../small-file.ts';

/** A text that may be replaced at run time, as kubelet replaces a service account's token. */
export interface SecretValue {
  /** The error is one line that names the file. */
  read(): Promise<Result<string, string>>;
  /** The value may be out of date: read it again at the next use. */
  invalidate(): void;
}

/** Kubelet renews a token when a fifth of its life (at least 10 minutes) is left: a minute is soon enough. */
const LOOK_AGAIN_MS = 60_000;

export function constantValue(text: string): SecretValue {
  return { read: () => Promise.resolve(succeed(text)), invalidate: () => undefined };
}

/** A file that cannot be read any more keeps its last content: the old token may still be valid. */
export function fileValue(path: string, clock: Clock): SecretValue {
  let text: string | null = null;
  let readAt = -Infinity;
  return {
    async read() {
      // If the clock was set back, the last reading is in the future.
      const age = Math.abs(clock.now() - readAt);
      if (text !== null && age < LOOK_AGAIN_MS) return succeed(text);
      try {
        const fresh = (await readSmallFile(path)).trim();
        readAt = clock.now();
        if (fresh !== '') text = fresh;
        return text === null ? { ok: false, error: `${path}: the file is empty` } : succeed(text);
      } catch (error) {
        if (text !== null) return succeed(text);
        return { ok: false, error: `${path}: ${error instanceof Error ? error.message : String(error)}` };
      }
    },
    invalidate() {
      readAt = -Infinity;
    },
  };
}

export function materialValue(material: Material, clock: Clock): SecretValue {
  return material.from === 'data' ? constantValue(material.pem) : fileValue(material.path, clock);
}

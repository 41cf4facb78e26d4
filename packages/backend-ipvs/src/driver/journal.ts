/** Which virtual servers are owned by Signalbox, beyond the life of the process. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { backendError, type BackendError } from '@signalbox/core';
import type { Ownership } from '../objects/ownership.ts';
import type { VirtualServerKey } from '../objects/virtual-server.ts';

/** Stores the keys of virtual servers, owned or not, over a restart. `fileJournal` returns `unavailable` if it cannot change its file. */
export interface Journal {
  /** `null`: there is none, or it cannot be read. */
  load(): Promise<Ownership | null>;
  /** Replaces the content. */
  save(ownership: Ownership): Promise<BackendError | null>;
  /** Succeeds if there is no journal. */
  remove(): Promise<BackendError | null>;
}

/** Stores nothing: ownership then follows from the kernel's state alone. */
export const NO_JOURNAL: Journal = {
  load: () => Promise.resolve(null),
  save: () => Promise.resolve(null),
  remove: () => Promise.resolve(null),
};

const VERSION = 1;

/**
 * A JSON file, replaced as a whole by renaming. It belongs on a file system that a reboot empties, like the
 * kernel's table that it describes: /run.
 */
export function fileJournal(file: string): Journal {
  return {
    load: async () => {
      try {
        return parseJournal(await readFile(file, 'utf8'));
      } catch {
        return null;
      }
    },
    save: (ownership) => attempt(file, () => writeJournal(file, ownership)),
    remove: () => attempt(file, () => rm(file, { force: true })),
  };
}

/** `null` if it is not what `fileJournal` writes. */
export function parseJournal(text: string): Ownership | null {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content !== 'object' || content === null) return null;
    const { version, virtualServers, others = [] } = content as Readonly<Record<string, unknown>>;
    if (version !== VERSION) return null;
    const owned = parseKeys(virtualServers);
    const otherKeys = parseKeys(others);
    return owned === null || otherKeys === null ? null : { owned, others: otherKeys };
  } catch {
    return null;
  }
}

function parseKeys(value: unknown): ReadonlySet<VirtualServerKey> | null {
  if (!Array.isArray(value)) return null;
  const keys: readonly unknown[] = value;
  return keys.every((key) => typeof key === 'string') ? new Set(keys) : null;
}

async function writeJournal(file: string, { owned, others }: Ownership): Promise<void> {
  const content = { version: VERSION, virtualServers: [...owned].sort(), others: [...others].sort() };
  const text = JSON.stringify(content);
  const draft = `${file}.${process.pid}.tmp`;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(draft, `${text}\n`, { mode: 0o600 });
  await rename(draft, file);
}

async function attempt(file: string, action: () => Promise<void>): Promise<BackendError | null> {
  try {
    await action();
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return backendError('unavailable', 'journal', `${file}: ${reason}`, { kernel: 'unchanged' });
  }
}

/** The lists of clients of `-m recent`, in this network namespace; both variants of iptables share them. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import {
  backendError,
  type BackendError,
  canonicalAddress,
  fail,
  type Result,
  succeed,
} from '@signalbox/core';

/** A client in a list of `-m recent`. */
export interface RecentEntry {
  /** Canonical text. */
  readonly address: string;
  /** Timer ticks of the kernel. */
  readonly lastSeen: number;
}

/** Reads and writes the files of xt_recent, one for each list. Errors: `not-permitted` for EACCES and EPERM, else `not-found`. */
export interface RecentLists {
  /** Empty where the kernel's module is not loaded. A list exists as long as a rule refers to it. */
  names(): Promise<Result<readonly string[]>>;
  /** Empty where there is no such list. */
  read(name: string): Promise<Result<readonly RecentEntry[]>>;
  /** As a packet of this address: the entry is the latest one. A full list loses its oldest one. */
  touch(name: string, address: string): Promise<BackendError | null>;
}

const FOLDER = '/proc/net/xt_recent';

/** `folder`: the directory of the files; by default `/proc/net/xt_recent`. */
export function createRecentLists(folder: string = FOLDER): RecentLists {
  return {
    names: () => unlessAbsent(folder, () => readdir(folder)),
    read: (name) =>
      unlessAbsent(`${folder}/${name}`, async () => parseList(await readFile(`${folder}/${name}`, 'utf8'))),
    touch: async (name, address) => {
      try {
        await writeFile(`${folder}/${name}`, `+${address}`);
        return null;
      } catch (error) {
        return fileError(`${folder}/${name}`, error);
      }
    },
  };
}

/** `src=10.0.0.2 ttl: 0 last_seen: 4301951647 oldest_pkt: 1 4301951647`. */
function parseList(text: string): readonly RecentEntry[] {
  return [...text.matchAll(/^src=(\S+) .*?last_seen: (\d+)/gm)].flatMap(([, source = '', lastSeen]) => {
    const address = canonicalAddress(source);
    return address === null ? [] : [{ address, lastSeen: Number(lastSeen) }];
  });
}

async function unlessAbsent<T>(
  path: string,
  read: () => Promise<readonly T[]>,
): Promise<Result<readonly T[]>> {
  try {
    return succeed(await read());
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isAbsent ? succeed([]) : fail(fileError(path, error));
  }
}

function fileError(path: string, error: unknown): BackendError {
  const { code, message } = error as NodeJS.ErrnoException;
  const isRight = code === 'EACCES' || code === 'EPERM';
  return backendError(isRight ? 'not-permitted' : 'not-found', path, message, { kernel: 'unchanged' });
}

/**
 * One signalbox a network namespace: two would repair each other's rules in turns. The lock is a socket that the holder
 * listens on: it is closed when the process ends, by a signal too, and identifies a process of another container, which
 * a process id does not.
 *
 * The socket is a file in a folder that only root may enter, named by the inode of the network namespace, so that no
 * other user can hold the lock. Its file outlives the process; the holder is the one with the highest number that
 * answers. A process that finds that one dead links the next number, which only one can do, and holds the lock if no
 * higher one is there afterwards. No process removes the highest file, so the highest number never falls, and no process
 * can link a number whose holder a slower process has found dead meanwhile.
 *
 * Where the folder cannot be written (a proxy that is not root), the lock is an abstract socket of the network
 * namespace, which any user of the node can hold.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { networkNamespace, STATE_FOLDER } from './state-file.ts';

export interface InstanceLock {
  readonly kind: 'taken' | 'held';
  /** Whether no other user can hold it; where not, any process of the node may be the holder. */
  readonly exclusive: boolean;
  readonly release: () => void;
}

export interface LockPlace {
  readonly folder: string;
  /** One lock each. */
  readonly namespace: string;
}

/** Takeovers that others won meanwhile; each of them has died since. */
const MOST_ATTEMPTS = 10;

function ownPlace(): LockPlace {
  return { folder: STATE_FOLDER, namespace: networkNamespace() };
}

export async function takeInstanceLock(place: LockPlace = ownPlace()): Promise<InstanceLock> {
  const draft = join(place.folder, `${prefixOf(place)}${randomBytes(6).toString('hex')}.new`);
  const release = isExclusive(place.folder) ? await listen(draft) : null;
  if (release === null) return takeAbstract(place);
  try {
    const taken = await linkAsHighest(place, draft);
    if (!taken) release();
    return { kind: taken ? 'taken' : 'held', exclusive: true, release };
  } catch {
    // A file system without hard links, for one.
    release();
    return takeAbstract(place);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Makes the folder; whether it is this user's alone. */
function isExclusive(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(folder);
    if (uid !== process.getuid?.()) return false;
    // A kubelet makes the folder of a hostPath for every user to read.
    if ((mode & 0o077) !== 0) chmodSync(folder, 0o700);
    return true;
  } catch {
    return false;
  }
}

async function linkAsHighest(place: LockPlace, draft: string): Promise<boolean> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const last = Math.max(0, ...numbersOf(place));
    if (last > 0 && (await answers(fileOf(place, last)))) return false;
    if (!tryLink(draft, fileOf(place, last + 1))) continue;
    const numbers = numbersOf(place);
    const isHighest = numbers.every((number) => number <= last + 1);
    const obsolete = isHighest ? numbers.filter((number) => number <= last) : [last + 1];
    for (const number of obsolete) rmSync(fileOf(place, number), { force: true });
    if (isHighest) return true;
  }
  return false;
}

function prefixOf({ namespace }: LockPlace): string {
  return `instance-${namespace}-`;
}

function fileOf(place: LockPlace, number: number): string {
  return join(place.folder, `${prefixOf(place)}${number}.sock`);
}

/** The kernel lists a small folder in one call, during which no name of it comes or goes. */
function numbersOf(place: LockPlace): readonly number[] {
  const prefix = prefixOf(place);
  return readdirSync(place.folder).flatMap((name) => {
    const [, number] = name.startsWith(prefix) ? (/^(\d+)\.sock$/.exec(name.slice(prefix.length)) ?? []) : [];
    return number === undefined ? [] : [Number(number)];
  });
}

/** `false`: another process has that name. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** A socket whose process has ended refuses; one with too many connections waiting does not. */
function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

async function takeAbstract({ namespace }: LockPlace): Promise<InstanceLock> {
  const release = await listen(`\0signalbox-${namespace}`);
  const kind = release === null ? 'held' : 'taken';
  return { kind, exclusive: false, release: release ?? (() => undefined) };
}

/** How to end listening; `null` when the address is in use or may not be used. */
function listen(address: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(null));
    server.listen(address, () => {
      server.unref();
      resolve(() => void server.close());
    });
  });
}

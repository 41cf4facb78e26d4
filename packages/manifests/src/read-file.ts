/** Reads regular files only, and never waits for another process. */
import { constants, type BigIntStats } from 'node:fs';
import { open, stat } from 'node:fs/promises';

interface FileContentRead {
  /** Changes whenever the file may have changed: inode, size and times of the file a link leads to. */
  readonly stamp: string;
  readonly bytes: Buffer;
}

export type FileReading =
  | { readonly state: 'unchanged' }
  | { readonly state: 'read'; readonly content: FileContentRead }
  | { readonly state: 'folder' }
  /** Not a regular file, or too large. */
  | { readonly state: 'refused'; readonly reason: string };

/** 10,000 Services with 5 endpoints each in one file have a fifth of it. */
export const MAX_FILE_BYTES: number = 64 * 1024 * 1024;

function refusal(stats: BigIntStats): string | null {
  if (stats.isFIFO()) return 'is a FIFO, not a regular file';
  if (stats.isSocket()) return 'is a socket, not a regular file';
  if (stats.isCharacterDevice() || stats.isBlockDevice()) return 'is a device, not a regular file';
  if (!stats.isFile()) return 'is not a regular file';
  return stats.size > MAX_FILE_BYTES ? `is larger than ${MAX_FILE_BYTES >> 20} MiB` : null;
}

function stampOf(stats: BigIntStats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

async function readBytes(file: string): Promise<FileReading> {
  // Another file may have taken this name since the check above: O_NONBLOCK opens a FIFO without a writer.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    // The stamp is taken before the bytes: a write in between makes the next stamp differ.
    const stats = await handle.stat({ bigint: true });
    const reason = refusal(stats);
    if (reason !== null) return { state: 'refused', reason };
    // No more than the size found: files under /proc, and files that grow, have no end of their own.
    const bytes = Buffer.alloc(Number(stats.size));
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return { state: 'read', content: { stamp: stampOf(stats), bytes: bytes.subarray(0, length) } };
  } finally {
    await handle.close();
  }
}

/** `known`: the stamp of the previous reading; the file is not read again if it is the same. Rejects as `open` does. */
export async function readRegularFile(file: string, known: string | undefined): Promise<FileReading> {
  const stats = await stat(file, { bigint: true });
  if (stats.isDirectory()) return { state: 'folder' };
  const reason = refusal(stats);
  if (reason !== null) return { state: 'refused', reason };
  return stampOf(stats) === known ? { state: 'unchanged' } : readBytes(file);
}

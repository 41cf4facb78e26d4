/** The manifest files of one path, as they are on disk now. */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { fail, succeed, type Result } from '@signalbox/core';
import { readRegularFile } from './read-file.ts';

export interface FileContent {
  /** Changes whenever the file may have changed: inode, size and times of the file a link leads to. */
  readonly stamp: string;
  readonly hash: string;
  readonly text: string;
}

export type FileRead =
  /** The stamp equals `knownStamp`: not read again. */
  | { readonly state: 'unchanged' }
  | { readonly state: 'read'; readonly content: FileContent }
  | { readonly state: 'unreadable'; readonly reason: string };

interface Listing {
  readonly files: ReadonlyMap<string, FileRead>;
  /** Device and inode of the folder: another folder of the same name has another. */
  readonly folder: string;
}

const MANIFEST = /\.(?:ya?ml|json)$/i;

/** Hidden files are editors' swap files and the `..data` folders of a mounted ConfigMap. */
function isManifestName(name: string): boolean {
  return MANIFEST.test(name) && !name.startsWith('.') && !name.startsWith('#');
}

/**
 * `path` is one file or a folder; sub-folders are not entered. Keys are file names without their folder.
 * `knownStamp` gives the stamp of the previous reading of a file. Never rejects.
 */
export async function readManifests(
  path: string,
  knownStamp: (file: string) => string | undefined,
): Promise<Result<Listing, string>> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const names = isFolder ? (await readdir(path)).filter(isManifestName).sort() : [basename(path)];
    const files = new Map<string, FileRead>();
    for (const name of names) {
      const read = await readOne(isFolder ? join(path, name) : path, knownStamp(name));
      if (read !== 'gone') files.set(name, read);
    }
    const { dev, ino } = await stat(isFolder ? path : dirname(path));
    return succeed({ files, folder: `${dev}:${ino}` });
  } catch (error) {
    return fail(reasonOf(error));
  }
}

async function readOne(file: string, known: string | undefined): Promise<FileRead | 'gone'> {
  try {
    const read = await readRegularFile(file, known);
    if (read.state === 'folder') return 'gone';
    if (read.state === 'refused') return { state: 'unreadable', reason: read.reason };
    if (read.state === 'unchanged') return read;
    const { stamp, bytes } = read.content;
    const hash = createHash('sha256').update(bytes).digest('hex');
    return { state: 'read', content: { stamp, hash, text: bytes.toString('utf8') } };
  } catch (error) {
    // Removed between the listing and now, or a link without a target: treated as absent.
    if (isCode(error, 'ENOENT')) return 'gone';
    return { state: 'unreadable', reason: reasonOf(error) };
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The manifest files of one path, as they are on disk now. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface FileContent {
  /** Changes whenever the file may have changed: inode, size and times of the file a link leads to. */
  readonly stamp: string;
  readonly hash: string;
  readonly text: string;
}

export type FileRead =
  /** The stamp is the one the caller knows: not read again. */
  | { readonly state: 'unchanged' }
  | { readonly state: 'read'; readonly content: FileContent }
  | { readonly state: 'unreadable'; readonly reason: string };

export type Listing =
  | { readonly ok: true; readonly files: ReadonlyMap<string, FileRead> }
  | { readonly ok: false; readonly reason: string };

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
): Promise<Listing> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const names = isFolder ? (await readdir(path)).filter(isManifestName).sort() : [basename(path)];
    const files = new Map<string, FileRead>();
    for (const name of names) {
      const read = await readOne(isFolder ? join(path, name) : path, knownStamp(name));
      if (read !== 'gone') files.set(name, read);
    }
    return { ok: true, files };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

async function readOne(file: string, known: string | undefined): Promise<FileRead | 'gone'> {
  try {
    // The stamp is taken before the bytes: a write in between makes the next stamp differ.
    const stats = await stat(file, { bigint: true });
    if (stats.isDirectory()) return 'gone';
    const now = `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
    if (now === known) return { state: 'unchanged' };
    const text = await readFile(file, 'utf8');
    const hash = createHash('sha256').update(text).digest('hex');
    return { state: 'read', content: { stamp: now, hash, text } };
  } catch (error) {
    // Removed between the listing and now, or a link that leads nowhere: as good as absent.
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

/** The objects of each file's last valid content. No I/O. */
import { join } from 'node:path';

import type { SourceProblem } from '@signalbox/core';

import { keyOf, type ManifestObject } from './manifest-object.ts';
import { parseManifest } from './parse-manifest.ts';
import type { FileContent, FileRead } from './read-manifests.ts';

interface Taken {
  readonly problems: readonly SourceProblem[];
  /** Poll again soon: a file may be in the middle of a write. */
  readonly unsettled: boolean;
  /** The objects of a file differ from before. */
  readonly changed: boolean;
}

export interface FileCache {
  readonly stampOf: (file: string) => string | undefined;
  /** Applies a complete listing. */
  take(files: ReadonlyMap<string, FileRead>): Taken;
  objects(): ReadonlyMap<string, readonly ManifestObject[]>;
}

interface CachedFile {
  stamp: string | undefined;
  hash: string;
  objects: readonly ManifestObject[];
  /** The reason last reported, so that it is reported once. */
  unreadable: string;
  /** It was found empty or absent once. */
  doubted: boolean;
}

const SETTLED: Taken = { problems: [], unsettled: false, changed: false };
const UNSETTLED: Taken = { ...SETTLED, unsettled: true };
const CHANGED: Taken = { ...SETTLED, changed: true };

export function createFileCache(path: string): FileCache {
  const cached = new Map<string, CachedFile>();
  const fileNamed = (name: string): CachedFile => {
    const file = cached.get(name) ?? newFile();
    cached.set(name, file);
    return file;
  };
  const takeOne = (name: string, read: FileRead): Taken => {
    if (read.state === 'unchanged') return SETTLED;
    if (read.state === 'read') return takeContent(name, fileNamed(name), read.content);
    return takeUnreadable(join(path, name), fileNamed(name), read.reason);
  };
  const takeAbsent = (name: string, file: CachedFile): Taken => {
    if (doubt(file)) return UNSETTLED;
    cached.delete(name);
    return CHANGED;
  };

  return {
    stampOf: (file) => cached.get(file)?.stamp,
    take(files) {
      const absent = [...cached].filter(([name]) => !files.has(name));
      const taken = absent.map(([name, file]) => takeAbsent(name, file));
      for (const [name, read] of files) taken.push(takeOne(name, read));
      return {
        problems: taken.flatMap((t) => t.problems),
        unsettled: taken.some((t) => t.unsettled),
        changed: taken.some((t) => t.changed),
      };
    },
    objects: () => new Map([...cached].map(([name, { objects }]) => [name, objects])),
  };
}

function newFile(): CachedFile {
  return { stamp: undefined, hash: '', objects: [], unreadable: '', doubted: false };
}

/**
 * Editors truncate a file, or move it away, before they write it anew: for a moment it is empty or absent.
 * It is applied when read twice, and at once for a file that had no objects.
 */
function doubt(file: CachedFile): boolean {
  if (file.doubted || file.objects.length === 0) return false;
  file.doubted = true;
  file.stamp = undefined;
  return true;
}

function takeContent(name: string, file: CachedFile, content: FileContent): Taken {
  if (content.text.trim() === '' && doubt(file)) return UNSETTLED;
  file.doubted = false;
  file.unreadable = '';
  file.stamp = content.stamp;
  if (file.hash === content.hash) return SETTLED;
  file.hash = content.hash;
  const { objects, problems, complete } = parseManifest(name, content.text);
  file.objects = complete ? objects : [...objects, ...stillUnknown(file.objects, objects)];
  return { ...CHANGED, problems };
}

/** Objects that a document that is not YAML may still define: those that the readable documents do not. */
function stillUnknown(
  before: readonly ManifestObject[],
  readable: readonly ManifestObject[],
): readonly ManifestObject[] {
  const keys = new Set(readable.map(keyOf));
  return before.filter((object) => !keys.has(keyOf(object)));
}

function takeUnreadable(path: string, file: CachedFile, reason: string): Taken {
  file.stamp = undefined;
  if (file.unreadable === reason) return SETTLED;
  file.unreadable = reason;
  const message = `${path}: ${reason}; the objects that the file defined before stay in use`;
  return { ...SETTLED, problems: [{ code: 'file-unreadable', message }] };
}

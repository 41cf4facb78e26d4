/** All files' objects as one set, and the events that lead from the set last delivered to the one now. Pure. */
import type { ObjectEvent, SourceProblem } from '@signalbox/core';

import type { ManifestObject } from './parse-manifest.ts';

export interface ObjectSetUpdate {
  readonly events: readonly ObjectEvent[];
  /** Objects that were found twice, each reported once until it changes. */
  readonly problems: readonly SourceProblem[];
}

export interface ObjectSet {
  /** `files` is everything there is now, by file name. */
  update(files: ReadonlyMap<string, readonly ManifestObject[]>): ObjectSetUpdate;
  readonly size: number;
}

function keyOf(object: ManifestObject): string {
  return `${object.resource} ${object.namespace}/${object.name}`;
}

interface Merged {
  readonly objects: Map<string, ManifestObject>;
  readonly duplicates: string[];
}

/** Of two objects of one identity, the one in the later document of the later file name counts. */
function merge(files: ReadonlyMap<string, readonly ManifestObject[]>): Merged {
  const objects = new Map<string, ManifestObject>();
  const duplicates: string[] = [];
  const names = [...files.keys()].sort((a, b) => (a < b ? -1 : 1));
  for (const object of names.flatMap((name) => files.get(name) ?? [])) {
    const key = keyOf(object);
    const earlier = objects.get(key);
    if (earlier !== undefined) {
      duplicates.push(`${earlier.where}: ${key} is defined again in ${object.where}, which counts`);
    }
    objects.set(key, object);
  }
  return { objects, duplicates };
}

export function createObjectSet(): ObjectSet {
  let delivered = new Map<string, ManifestObject>();
  let reported = new Set<string>();

  const diff = (wanted: ReadonlyMap<string, ManifestObject>): ObjectEvent[] => {
    const events: ObjectEvent[] = [];
    for (const [key, { resource, namespace, name }] of delivered) {
      if (!wanted.has(key)) events.push({ type: 'delete', resource, namespace, name });
    }
    for (const [key, { resource, object, text }] of wanted) {
      if (delivered.get(key)?.text !== text) events.push({ type: 'upsert', resource, object });
    }
    return events;
  };

  return {
    get size() {
      return delivered.size;
    },
    update(files) {
      const { objects, duplicates } = merge(files);
      const events = diff(objects);
      const problems = duplicates
        .filter((message) => !reported.has(message))
        .map((message) => ({ code: 'duplicate-object', message }));
      delivered = objects;
      reported = new Set(duplicates);
      return { events, problems };
    },
  };
}

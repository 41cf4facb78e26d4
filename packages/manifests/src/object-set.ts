/** All files' objects as one set, and the events that lead from the set last delivered to the one now. Pure. */
import type { ObjectEvent, SourceProblem } from '@signalbox/core';

import { SERVICE_NAME_LABEL } from './check-object.ts';
import { keyOf, type ManifestObject } from './manifest-object.ts';
import { fieldsOf } from './values.ts';

interface ObjectSetUpdate {
  readonly events: readonly ObjectEvent[];
  /** Objects that were found twice, or that need another that is not there; each reported once until it changes. */
  readonly problems: readonly SourceProblem[];
}

export interface ObjectSet {
  /** `files` is everything there is now, by file name. */
  update(files: ReadonlyMap<string, readonly ManifestObject[]>): ObjectSetUpdate;
  readonly size: number;
}

interface Merged {
  readonly objects: Map<string, ManifestObject>;
  readonly problems: SourceProblem[];
}

/** Of two objects of one identity, the one in the later document of the later file name counts. */
function merge(files: ReadonlyMap<string, readonly ManifestObject[]>): Merged {
  const objects = new Map<string, ManifestObject>();
  const problems: SourceProblem[] = [];
  const names = [...files.keys()].sort((a, b) => (a < b ? -1 : 1));
  for (const object of names.flatMap((name) => files.get(name) ?? [])) {
    const key = keyOf(object);
    const earlier = objects.get(key);
    if (earlier !== undefined) {
      const message = `${earlier.where}: ${key} is defined again in ${object.where}, which counts`;
      problems.push({ code: 'duplicate-object', message });
    }
    objects.set(key, object);
  }
  return { objects, problems };
}

/** Slices that name a Service that no file defines. */
function withoutService(objects: ReadonlyMap<string, ManifestObject>): readonly SourceProblem[] {
  const problems: SourceProblem[] = [];
  for (const { resource, namespace, name, object, where, served } of objects.values()) {
    if (resource !== 'EndpointSlice' || !served) continue;
    const service = fieldsOf(fieldsOf(fieldsOf(object)['metadata'])['labels'])[SERVICE_NAME_LABEL];
    if (typeof service !== 'string' || service === '') continue;
    if (objects.has(keyOf({ resource: 'Service', namespace, name: service }))) continue;
    const message = `${where}: EndpointSlice ${namespace}/${name}: no manifest defines Service ${namespace}/${service}`;
    problems.push({ code: 'no-effect', message });
  }
  return problems;
}

export function createObjectSet(): ObjectSet {
  let delivered = new Map<string, ManifestObject>();
  let reported = new Set<string>();

  const diff = (wanted: ReadonlyMap<string, ManifestObject>): ObjectEvent[] => {
    const events: ObjectEvent[] = [];
    for (const [key, { resource, namespace, name }] of delivered) {
      if (!wanted.has(key)) events.push({ type: 'delete', resource, namespace, name });
    }
    for (const [key, { resource, object, text, where: origin }] of wanted) {
      if (delivered.get(key)?.text !== text) events.push({ type: 'upsert', resource, object, origin });
    }
    return events;
  };

  return {
    get size() {
      return delivered.size;
    },
    update(files) {
      const { objects, problems } = merge(files);
      const wanted = new Map([...objects].filter(([, { served }]) => served));
      const events = diff(wanted);
      const found = [...problems, ...withoutService(objects)];
      const news = found.filter(({ message }) => !reported.has(message));
      delivered = wanted;
      reported = new Set(found.map(({ message }) => message));
      return { events, problems: news };
    },
  };
}

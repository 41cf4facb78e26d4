/** What has been emitted to the handlers: keys and versions only, never the objects. Pure but for its own memory. */
import type { ObjectEvent, Resource } from '@signalbox/core';

import type { WireObject } from '../wire.ts';

/** A complete set that is being received. */
export interface Replacement {
  /** An event, unless the handlers have this version of the object. `null` also for a value that is not an object. */
  add(object: unknown): ObjectEvent | null;
  /** An object that was added, and deleted before the set was complete. */
  remove(object: unknown): ObjectEvent | null;
  /** Deletions of everything known that was not added. */
  finish(): ObjectEvent[];
}

export interface KnownObjects {
  readonly size: number;
  upsert(object: unknown): ObjectEvent | null;
  delete(object: unknown): ObjectEvent | null;
  /** A list that is never finished leaves everything known that it did not mention. */
  replace(): Replacement;
}

interface Identity {
  /** `namespace/name`. */
  readonly key: string;
  readonly version: string;
}

export function createKnownObjects(resource: Resource): KnownObjects {
  /** `namespace/name` → resourceVersion. */
  const known = new Map<string, string>();

  const upsert = (object: unknown, identity = identify(object)): ObjectEvent | null => {
    if (identity === null) return null;
    const { key, version } = identity;
    if (version !== '' && known.get(key) === version) return null;
    known.set(key, version);
    return { type: 'upsert', resource, object };
  };
  const removeKey = (key: string): ObjectEvent | null => {
    if (!known.delete(key)) return null;
    const slash = key.indexOf('/');
    return { type: 'delete', resource, namespace: key.slice(0, slash), name: key.slice(slash + 1) };
  };

  return {
    get size() {
      return known.size;
    },
    upsert: (object) => upsert(object),
    delete(object) {
      const identity = identify(object);
      return identity === null ? null : removeKey(identity.key);
    },
    replace: () => createReplacement({ known, upsert, removeKey }),
  };
}

interface Memory {
  readonly known: ReadonlyMap<string, string>;
  readonly upsert: (object: unknown, identity: Identity | null) => ObjectEvent | null;
  readonly removeKey: (key: string) => ObjectEvent | null;
}

function createReplacement({ known, upsert, removeKey }: Memory): Replacement {
  const seen = new Set<string>();
  return {
    add(object) {
      const identity = identify(object);
      if (identity !== null) seen.add(identity.key);
      return upsert(object, identity);
    },
    remove(object) {
      const identity = identify(object);
      return identity === null ? null : removeKey(identity.key);
    },
    finish() {
      const gone = [...known.keys()].filter((key) => !seen.has(key));
      // The session of the watch that follows keeps this object.
      seen.clear();
      return gone.map(removeKey).filter((event) => event !== null);
    },
  };
}

function identify(object: unknown): Identity | null {
  const metadata = (object as WireObject | null)?.metadata;
  const name = metadata?.name;
  if (typeof name !== 'string' || name === '') return null;
  // `join` makes one text; V8 keeps a template as a tree of its parts.
  const key = [metadata?.namespace ?? '', name].join('/');
  return { key, version: metadata?.resourceVersion ?? '' };
}

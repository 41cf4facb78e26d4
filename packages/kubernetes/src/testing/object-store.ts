/** The storage of the test API server, as etcd: the objects, one counter of versions, and a history that can be compacted. */
import type { Resource } from '@signalbox/core';

import type { WireObject } from '../wire.ts';

/** Kinds that this server has. The source of a proxy does not read Pods. */
export type StoredKind = Resource | 'Pod';

/** An object in the store; `resourceVersion` is the version of its last change, in decimal. */
export interface Stored extends WireObject {
  readonly kind: string;
  readonly metadata: NonNullable<WireObject['metadata']> & {
    readonly name: string;
    readonly resourceVersion: string;
  };
}

/** One change of an object. `before` is null at creation, `after` is null at deletion. */
export interface Change {
  readonly version: number;
  readonly resource: StoredKind;
  readonly before: Stored | null;
  readonly after: Stored | null;
}

/** Objects, their versions and the history of their changes; may be shared by several test API servers. */
export interface ObjectStore {
  /** The current version; each change increments it. */
  readonly version: number;
  /** Versions up to this one are gone from the history. */
  readonly compactedTo: number;
  /** Creates or replaces the object. Throws a TypeError if `kind` or `metadata.name` is absent. */
  readonly put: (object: WireObject) => Stored;
  /** Whether it was there. */
  readonly delete: (resource: StoredKind, namespace: string, name: string) => boolean;
  /** All objects of this kind. */
  list(resource: StoredKind): readonly Stored[];
  /** Changes after this version that are in the history, oldest first. */
  since(version: number): readonly Change[];
  /** Deletes the history: a watch from an older version then gets an ERROR event of code 410. */
  compact(): void;
  /** Increments the version without a change of an object, as changes of other kinds do. */
  tick(): void;
  /** Calls the listener after each change, until the returned function is called. */
  subscribe(listener: (change: Change) => void): () => void;
}

interface State {
  readonly objects: Map<string, Stored>;
  readonly listeners: Set<(change: Change) => void>;
  history: Change[];
  version: number;
  compactedTo: number;
}

/** Creates an empty store at version 1. */
export function createObjectStore(): ObjectStore {
  const state: State = { objects: new Map(), listeners: new Set(), history: [], version: 1, compactedTo: 0 };
  return {
    get version() {
      return state.version;
    },
    get compactedTo() {
      return state.compactedTo;
    },
    put: (object) => put(state, object),
    delete: (resource, namespace, name) => remove(state, resource, keyOf(resource, namespace, name)),
    list: (resource) => [...state.objects.values()].filter((object) => object.kind === resource),
    since: (from) => state.history.filter((change) => change.version > from),
    compact() {
      state.history = [];
      state.compactedTo = state.version;
    },
    tick() {
      state.version++;
    },
    subscribe(listener) {
      state.listeners.add(listener);
      return () => state.listeners.delete(listener);
    },
  };
}

function put(state: State, object: WireObject): Stored {
  const after = stamp(object, ++state.version);
  const key = keyOf(after.kind, after.metadata.namespace ?? '', after.metadata.name);
  const before = state.objects.get(key) ?? null;
  state.objects.set(key, after);
  record(state, { version: state.version, resource: after.kind as StoredKind, before, after });
  return after;
}

function remove(state: State, resource: StoredKind, key: string): boolean {
  const before = state.objects.get(key);
  if (before === undefined) return false;
  state.objects.delete(key);
  record(state, { version: ++state.version, resource, before, after: null });
  return true;
}

function record(state: State, change: Change): void {
  state.history.push(change);
  for (const listener of state.listeners) listener(change);
}

function keyOf(resource: string, namespace: string, name: string): string {
  return `${resource} ${namespace}/${name}`;
}

function stamp(object: WireObject, version: number): Stored {
  const { kind, metadata } = object;
  if (kind === undefined || metadata?.name === undefined)
    throw new TypeError('an object needs kind and metadata.name');
  const name = metadata.name;
  return { ...object, kind, metadata: { ...metadata, name, resourceVersion: String(version) } };
}

/** The object as a watch reports its deletion: with the version of the deletion. */
export function deletedAt(object: Stored, version: number): Stored {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
}

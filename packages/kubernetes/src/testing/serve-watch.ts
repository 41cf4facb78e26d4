/** GET of a collection with `watch=true`: history, then changes as they happen, in JSON or protobuf. */
import type { ServerResponse } from 'node:http';

import { acceptsGzip, answerStatus, statusObject } from './answers.ts';
import { createEventStream, type EventStream } from './event-stream.ts';
import { createSignal } from '@signalbox/core/testing';
import { deletedAt, type Change, type ObjectStore, type Stored } from './object-store.ts';
import type { Collection, ListQuery } from './serve-list.ts';

/** How this server handles `sendInitialEvents`. */
export type Streaming =
  | 'supported'
  /** As before Kubernetes 1.37: never compressed. */
  | 'uncompressed'
  /** As before Kubernetes 1.27: 422. */
  | 'refused'
  /** As with an etcd older than 3.4.25: an ERROR event. */
  | 'broken';

export interface WatchServer {
  serve(response: ServerResponse, asked: ListQuery, streaming: Streaming): void;
  /** Open watches. */
  readonly count: number;
  /** Resolves as soon as this many watches are open. */
  readonly open: (count: number) => Promise<void>;
  /** Sends a BOOKMARK event on every watch with `allowWatchBookmarks=true`. */
  readonly bookmark: () => void;
  /** Ends every watch as a server does at its timeout. */
  readonly end: () => void;
  /** Cuts every watch in the middle of an event. */
  readonly cut: () => void;
  /** Existing watches stay open, and nothing is sent on them any more. */
  readonly mute: () => void;
}

interface Watch extends EventStream {
  readonly collection: Collection;
  readonly response: ServerResponse;
  readonly bookmarks: boolean;
}

export function createWatchServer(store: ObjectStore): WatchServer {
  const watches = new Set<Watch>();
  const opened = createSignal();
  return {
    get count() {
      return watches.size;
    },
    open: (count) => opened.until(() => watches.size >= count),
    serve(response, asked, streaming) {
      const initial = asked.query.get('sendInitialEvents') === 'true';
      if (initial && streaming === 'refused') {
        return answerStatus(response, 422, 'sendInitialEvents: Forbidden: it is not enabled');
      }
      const zip = initial && streaming !== 'uncompressed' && acceptsGzip(response.req);
      const watch = openWatch(response, asked, zip);
      const error = initial && streaming === 'broken' ? BROKEN : sendPast(watch, store, asked);
      if (error !== null) return fail(watch, error);
      watches.add(watch);
      opened.notify();
      follow(watch, asked, { store, onClose: () => watches.delete(watch) });
    },
    bookmark() {
      for (const watch of watches) if (watch.bookmarks) sendBookmark(watch, store.version);
    },
    end() {
      for (const watch of watches) watch.end();
    },
    cut() {
      for (const watch of watches) watch.cut();
    },
    mute() {
      for (const { response } of watches) Object.assign(response, { write: () => true, end: () => response });
    },
  };
}

interface Failure {
  readonly code: number;
  readonly message: string;
}

const BROKEN: Failure = { code: 500, message: 'a storage feature is disabled' };

/** The events from the client's version up to now. */
function sendPast(watch: Watch, store: ObjectStore, { query, matches }: ListQuery): Failure | null {
  const initial = query.get('sendInitialEvents') === 'true';
  const version = Number(query.get('resourceVersion') ?? '');
  if (!initial && version !== 0 && version < store.compactedTo) {
    return { code: 410, message: `too old resource version: ${version}` };
  }
  if (initial || version === 0) sendAll(watch, store, matches);
  else for (const change of store.since(version)) sendChange(watch, change, matches);
  if (initial) sendBookmark(watch, store.version, { 'k8s.io/initial-events-end': 'true' });
  return null;
}

function openWatch(response: ServerResponse, { collection, query }: ListQuery, zip: boolean): Watch {
  const bookmarks = query.get('allowWatchBookmarks') === 'true';
  const type = { apiVersion: collection.apiVersion, kind: collection.resource };
  return { ...createEventStream(response, { zip, type }), collection, response, bookmarks };
}

function follow(
  watch: Watch,
  { query, matches }: ListQuery,
  { store, onClose }: { readonly store: ObjectStore; readonly onClose: () => void },
): void {
  const unsubscribe = store.subscribe((change) => sendChange(watch, change, matches));
  const seconds = Number(query.get('timeoutSeconds') ?? 0) || 300;
  const timer = setTimeout(watch.end, seconds * 1000);
  watch.response.on('close', () => {
    unsubscribe();
    clearTimeout(timer);
    onClose();
  });
}

function fail(watch: Watch, { code, message }: Failure): void {
  watch.send('ERROR', statusObject(code, message));
  watch.end();
}

function sendAll(watch: Watch, store: ObjectStore, matches: ListQuery['matches']): void {
  for (const object of store.list(watch.collection.resource))
    if (matches(object)) watch.send('ADDED', object);
}

function sendBookmark(watch: Watch, version: number, annotations: Record<string, string> = {}): void {
  const { resource, apiVersion } = watch.collection;
  watch.send('BOOKMARK', {
    kind: resource,
    apiVersion,
    metadata: { resourceVersion: String(version), annotations },
  });
}

/** An object that leaves the selection is reported to its watches as deleted; one that enters is added. */
function sendChange(watch: Watch, change: Change, matches: ListQuery['matches']): void {
  if (change.resource !== watch.collection.resource) return;
  const before = selected(change.before, matches);
  const after = selected(change.after, matches);
  if (after !== null) watch.send(before === null ? 'ADDED' : 'MODIFIED', after);
  else if (before !== null) watch.send('DELETED', deletedAt(change.after ?? before, change.version));
}

function selected(object: Stored | null, matches: ListQuery['matches']): Stored | null {
  return object !== null && matches(object) ? object : null;
}

/** One WATCH, from its opening to its end. */
import type { Readable } from 'node:stream';

import { succeed, type Result } from '@signalbox/core';

import type { ApiAnswer, ApiClient, ApiRequest } from '../http/api-client.ts';
import type { ApiError } from '../http/api-error.ts';
import { readBody, StalledError } from '../http/body.ts';
import { createEventDecoder, type WatchEvent } from './decode-events.ts';
import { pathWith, type WatchedResource } from './resources.ts';
import { createStandby, type Standby, type WatchStream } from './standby.ts';

export interface WatchRequest {
  readonly client: ApiClient;
  readonly watched: WatchedResource;
  readonly parameters: Readonly<Record<string, string>>;
  readonly gzip: ApiRequest['gzip'];
  readonly signal: AbortSignal;
  /** Longest time without a byte; evaluated again after each chunk. */
  readonly idleMs: () => number;
  /** Servers that have sent bookmarks to watches of this resource. Brought up to date. */
  readonly bookmarking: Set<string>;
  /** The last version, from which the watch can be opened again; `null`: there is none yet. */
  readonly version: () => string | null;
  readonly log: (line: string) => void;
  readonly onOpen: (server: string) => void;
  readonly onEvents: (events: readonly WatchEvent[]) => void;
}

/** A server ends a watch when its time is over; it has this long to do so. */
const GRACE_MS = 30_000;
const SHORTEST_S = 300;
/**
 * API servers send bookmarks once a minute (61.25 s at most), to watches of a cache that has seen a change. Where they have
 * come before, their absence means that the connection is dead, whatever the server answers on other connections: a load
 * balancer may connect those to another server. One bookmark that is lost costs a new watch from the last version.
 */
export const BOOKMARK_OVERDUE_MS = 75_000;

/** `null`: the server ended the watch properly. */
export async function readWatch(request: WatchRequest): Promise<ApiError | null> {
  const { parameters, gzip, signal } = request;
  const opened = await open(request, { parameters, gzip, signal });
  if (!opened.ok) return opened.error;
  request.onOpen(opened.value.answer.server);
  let ended = await readStream(request, opened.value);
  while (ended.next !== null) {
    const { server } = ended.next.answer;
    request.log(
      `${request.watched.plural}: events did not arrive; continued on another connection to ${server}`,
    );
    request.onOpen(server);
    ended = await readStream(request, ended.next);
  }
  return ended.error;
}

type Opening = Pick<WatchRequest, 'parameters' | 'gzip' | 'signal'>;

async function open(
  { client, watched }: WatchRequest,
  { parameters: more, gzip, signal }: Opening,
): Promise<Result<WatchStream, ApiError>> {
  // Spread, so that the watches of a thousand nodes do not all end in one second.
  const seconds = Math.round(SHORTEST_S * (1 + client.clock.random()));
  const parameters = { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) };
  const path = pathWith(watched, { ...parameters, ...more });
  const opened = await client.open({ method: 'GET', path, gzip, protobuf: 'accepted', signal });
  if (!opened.ok) return opened;
  const decoder = createEventDecoder(opened.value.format, watched.resource);
  return succeed({ answer: opened.value, decoder, events: [], lastsMs: seconds * 1000 });
}

interface Ended {
  readonly error: ApiError | null;
  /** The watch continues here, whatever the error. */
  readonly next: WatchStream | null;
}

async function readStream(
  request: WatchRequest,
  { answer, decoder, events, lastsMs }: WatchStream,
): Promise<Ended> {
  const { client, signal } = request;
  const { server, body } = answer;
  const bookmarks = bookmarksOf(request, server);
  const limits = { idleMs: bookmarks.idleMs, totalMs: lastsMs + GRACE_MS };
  const followed = client.follow(server, (error) => void body.destroy(error));
  const standby = standbyOf(request, answer, followed.received);
  const take = (arrived: readonly WatchEvent[]): void => {
    bookmarks.note(arrived);
    standby.received(arrived);
    if (arrived.length > 0) request.onEvents(arrived);
  };
  const release = endWith(signal, body);
  const ended: { fault: ApiError | null; next: WatchStream | null } = { fault: null, next: null };
  take(events);
  const broken = await readBody(body, client.clock, limits, (chunk) => {
    followed.received();
    if (signal.aborted) return 'stop';
    const decoded = decoder.push(chunk);
    take(decoded.events);
    ended.fault = decoded.fault;
    if (decoded.fault?.code === 'bad-response') answer.notUnderstood();
    return decoded.fault === null ? undefined : 'stop';
  }).finally(() => {
    release();
    followed.end();
    ended.next = standby.end();
  });
  const error = ended.fault ?? broken;
  if (ended.next === null && error?.code === 'stalled') {
    client.demote(server);
    bookmarks.stalled();
  }
  return { error: error === null ? null : named(server, error), next: ended.next };
}

function named(server: string, error: ApiError): ApiError {
  return { ...error, message: `${server}: ${error.message}` };
}

interface Bookmarks {
  readonly note: (events: readonly WatchEvent[]) => void;
  /** How long the connection may be silent. */
  readonly idleMs: () => number;
  readonly stalled: () => void;
}

function bookmarksOf({ bookmarking, idleMs }: WatchRequest, server: string): Bookmarks {
  let came = false;
  return {
    note(events) {
      if (!events.some((event) => event.type === 'bookmark' && !event.complete)) return;
      came = true;
      bookmarking.add(server);
    },
    idleMs: () => Math.min(idleMs(), bookmarking.has(server) ? BOOKMARK_OVERDUE_MS : Infinity),
    stalled() {
      // Another server may have this address now, and send none.
      if (!came) bookmarking.delete(server);
    },
  };
}

/** The second connection was opened without the signal of the watch. */
function endWith(signal: AbortSignal, body: Readable): () => void {
  const stop = (): void => void body.destroy();
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  return () => signal.removeEventListener('abort', stop);
}

function standbyOf(request: WatchRequest, { server, body }: ApiAnswer, onAlive: () => void): Standby {
  return createStandby({
    clock: request.client.clock,
    open(signal) {
      const resourceVersion = request.version();
      if (resourceVersion === null) return null;
      return open(request, { parameters: { resourceVersion }, gzip: 'refused', signal });
    },
    onAlive: (by) => (by === server ? onAlive() : undefined),
    onDead: () => void body.destroy(new StalledError('no byte, and events on another connection')),
  });
}

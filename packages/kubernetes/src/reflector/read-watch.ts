/** One WATCH, from its opening to its end. */
import type { ApiClient, ApiRequest } from '../http/api-client.ts';
import type { ApiError } from '../http/api-error.ts';
import { readBody } from '../http/body.ts';
import { createEventDecoder, type WatchEvent } from './decode-events.ts';
import { pathWith, type WatchedResource } from './resources.ts';

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
  const { client, watched, gzip, signal, bookmarking } = request;
  // Spread, so that the watches of a thousand nodes do not all end in one second.
  const seconds = Math.round(SHORTEST_S * (1 + client.clock.random()));
  const parameters = { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) };
  const path = pathWith(watched, { ...parameters, ...request.parameters });
  const opened = await client.open({ method: 'GET', path, gzip, protobuf: 'accepted', signal });
  if (!opened.ok) return opened.error;
  const { server, format, body, notUnderstood } = opened.value;
  request.onOpen(server);
  const decoder = createEventDecoder(format, watched.resource);
  let fault: ApiError | null = null;
  let bookmarked = false;
  const idleMs = (): number =>
    Math.min(request.idleMs(), bookmarking.has(server) ? BOOKMARK_OVERDUE_MS : Infinity);
  const limits = { idleMs, totalMs: seconds * 1000 + GRACE_MS };
  const followed = client.follow(server, (error) => void body.destroy(error));
  const broken = await readBody(body, client.clock, limits, (chunk) => {
    followed.received();
    if (signal.aborted) return 'stop';
    const decoded = decoder.push(chunk);
    if (decoded.events.some((event) => event.type === 'bookmark' && !event.complete)) {
      bookmarked = true;
      bookmarking.add(server);
    }
    if (decoded.events.length > 0) request.onEvents(decoded.events);
    fault = decoded.fault;
    if (fault?.code === 'bad-response') notUnderstood();
    return fault === null ? undefined : 'stop';
  }).finally(followed.end);
  const error = fault ?? broken;
  if (error?.code === 'stalled') {
    client.demote(server);
    // Another server may have this address now, and send none.
    if (!bookmarked) bookmarking.delete(server);
  }
  return error === null ? null : { ...error, message: `${server}: ${error.message}` };
}

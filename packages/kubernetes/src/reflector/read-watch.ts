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
  /** Longest silence; asked anew after each chunk. */
  readonly idleMs: () => number;
  readonly onOpen: (server: string) => void;
  readonly onEvents: (events: readonly WatchEvent[]) => void;
}

/** A server ends a watch when its time is over; it has this long to do so. */
const GRACE_MS = 30_000;
const SHORTEST_S = 300;
/**
 * API servers send bookmarks about once a minute, to watches of a cache that has seen a change. Once they came on this
 * connection, their absence means that it is dead, whatever the server answers on other connections: a load balancer
 * may connect those to another server.
 */
export const BOOKMARK_OVERDUE_MS = 150_000;

/** `null`: the server ended the watch properly. */
export async function readWatch(request: WatchRequest): Promise<ApiError | null> {
  const { client, watched, gzip, signal } = request;
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
  const idleMs = (): number => Math.min(request.idleMs(), bookmarked ? BOOKMARK_OVERDUE_MS : Infinity);
  const limits = { idleMs, totalMs: seconds * 1000 + GRACE_MS };
  const followed = client.follow(server, (error) => void body.destroy(error));
  const broken = await readBody(body, client.clock, limits, (chunk) => {
    followed.heard();
    if (signal.aborted) return 'stop';
    const decoded = decoder.push(chunk);
    bookmarked ||= decoded.events.some((event) => event.type === 'bookmark' && !event.complete);
    if (decoded.events.length > 0) request.onEvents(decoded.events);
    fault = decoded.fault;
    if (fault?.code === 'bad-response') notUnderstood();
    return fault === null ? undefined : 'stop';
  }).finally(followed.end);
  const error = fault ?? broken;
  if (error?.code === 'stalled') client.distrust(server);
  return error === null ? null : { ...error, message: `${server}: ${error.message}` };
}

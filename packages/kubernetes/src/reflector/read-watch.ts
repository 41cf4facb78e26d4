/** One WATCH, from its opening to its end. */
import type { ApiClient, ApiRequest } from '../http/api-client.ts';
import { apiError, boundedRetryAfterMs, codeOfStatus, type ApiError } from '../http/api-error.ts';
import { readBody } from '../http/body.ts';
import { TooLargeError } from '../http/limits.ts';
import { createLineSplitter, type LineSplitter } from '../http/lines.ts';
import type { WireObject, WireStatus } from '../wire.ts';
import { pathWith, type WatchedResource } from './resources.ts';

export type WatchEvent =
  | { readonly type: 'upsert' | 'delete'; readonly object: WireObject; readonly version: string }
  /** `complete`: the initial events that were asked for have all been sent. */
  | { readonly type: 'bookmark'; readonly version: string; readonly complete: boolean };

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
  const opened = await client.open({ method: 'GET', path, gzip, signal });
  if (!opened.ok) return opened.error;
  const { server, body } = opened.value;
  request.onOpen(server);
  const splitter = createLineSplitter();
  let fault: ApiError | null = null;
  let bookmarked = false;
  const idleMs = (): number => Math.min(request.idleMs(), bookmarked ? BOOKMARK_OVERDUE_MS : Infinity);
  const limits = { idleMs, totalMs: seconds * 1000 + GRACE_MS };
  const followed = client.follow(server, (error) => void body.destroy(error));
  const broken = await readBody(body, client.clock, limits, (chunk) => {
    followed.heard();
    if (signal.aborted) return 'stop';
    const decoded = decodeChunk(splitter, chunk);
    bookmarked ||= decoded.events.some((event) => event.type === 'bookmark' && !event.complete);
    if (decoded.events.length > 0) request.onEvents(decoded.events);
    fault = decoded.fault;
    return fault === null ? undefined : 'stop';
  }).finally(followed.end);
  const error = fault ?? broken;
  if (error?.code === 'stalled') client.distrust(server);
  return error === null ? null : { ...error, message: `${server}: ${error.message}` };
}

interface Decoded {
  readonly events: readonly WatchEvent[];
  readonly fault: ApiError | null;
}

function decodeChunk(splitter: LineSplitter, chunk: Buffer): Decoded {
  try {
    return decodeLines(splitter.push(chunk));
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error;
    return { events: [], fault: apiError('bad-response', error.message) };
  }
}

/** Events up to the first line that is an error or is not understood. */
function decodeLines(lines: readonly string[]): Decoded {
  const events: WatchEvent[] = [];
  for (const line of lines) {
    const decoded = decodeLine(line);
    if ('code' in decoded) return { events, fault: decoded };
    if (decoded.type !== 'unknown') events.push(decoded);
  }
  return { events, fault: null };
}

const TYPES: Readonly<Record<string, 'upsert' | 'delete'>> = {
  ADDED: 'upsert',
  MODIFIED: 'upsert',
  DELETED: 'delete',
};

const INITIAL_END = 'k8s.io/initial-events-end';

function decodeLine(line: string): WatchEvent | ApiError | { readonly type: 'unknown' } {
  let event: { readonly type?: string; readonly object?: (WireObject & WireStatus) | null } | null;
  try {
    event = JSON.parse(line) as typeof event;
  } catch {
    return apiError('bad-response', `a watch event is not JSON: ${line.slice(0, 80)}`);
  }
  const type = event?.type ?? '';
  const object = event?.object;
  if (!object) return apiError('bad-response', `a watch event has no object: ${line.slice(0, 80)}`);
  if (type === 'ERROR') return decodeStatus(object);
  const version = object.metadata?.resourceVersion;
  if (typeof version !== 'string' || version === '') {
    return apiError('bad-response', `a watch event has no resourceVersion: ${line.slice(0, 80)}`);
  }
  if (type === 'BOOKMARK') {
    return { type: 'bookmark', version, complete: object.metadata?.annotations?.[INITIAL_END] === 'true' };
  }
  const known = TYPES[type];
  return known === undefined ? { type: 'unknown' } : { type: known, object, version };
}

function decodeStatus(status: WireStatus): ApiError {
  const code = status.code ?? 500;
  const retryAfterMs = boundedRetryAfterMs(status.details?.retryAfterSeconds);
  const message = (status.message ?? status.reason ?? 'the watch failed').split('\n')[0] ?? '';
  return apiError(codeOfStatus(code), `${code} ${message}`, { status: code, retryAfterMs });
}

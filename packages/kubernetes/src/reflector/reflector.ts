/** Keeps the objects emitted to the handlers equal to the server's for one resource, whatever connections fail. */
import { apiError, type ApiError } from '../http/api-error.ts';
import { delay } from '../http/delay.ts';
import { createContact, type Contact, type WatchConnection } from './contact.ts';
import type { WatchEvent } from './decode-events.ts';
import { readList } from './read-list.ts';
import { readWatch } from './read-watch.ts';
import type { ReflectorOptions } from './reflector-options.ts';
import { createResourceStore, type Position, type ResourceStore } from './resource-store.ts';
import { createRetryPolicy, type Outcome } from './retry-policy.ts';
import { createStreamedList } from './streamed-list.ts';

export interface Reflector {
  stop(): Promise<void>;
  connection(): WatchConnection;
}

/** A watch that lasted this long was a success even if nothing happened meanwhile. */
const LASTING_MS = 10_000;
/** Between the initial events of a streamed list, and for all of them. Some old servers ignore the parameter. */
const STREAM_IDLE_MS = 30_000;
const STREAM_TOTAL_MS = 300_000;
/** Bookmarks come about once a minute, but without a guarantee: only the end of the watch can be overdue. */
const NO_IDLE_LIMIT_MS = 3_600_000;

export function startReflector(options: ReflectorOptions): Reflector {
  const abort = new AbortController();
  const store = createResourceStore(options.watched.resource, options.handlers, abort.signal);
  const contact = createContact(options.watched.resource, options.client.clock);
  const retryPolicy = createRetryPolicy(options, store, contact);
  const session = {
    ...options,
    store,
    contact,
    signal: abort.signal,
    onProgress: retryPolicy.progressed,
    inFull: retryPolicy.inFull,
    bookmarking: new Set<string>(),
  };
  const loop = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      const outcome = await attempt(session).catch(unforeseen);
      if (abort.signal.aborted) return;
      const waitMs = retryPolicy.waitAfter(outcome);
      if (waitMs > 0) await delay(options.client.clock, waitMs, abort.signal);
    }
  };
  const running = loop();
  return {
    async stop() {
      abort.abort();
      await running;
    },
    connection: () => contact.connection(),
  };
}

/** None of the above should throw. If it does, a new list is the safest recovery. */
function unforeseen(error: unknown): Outcome {
  const message = `unforeseen: ${String(error)}`;
  return {
    kind: 'watch',
    error: apiError('bad-response', message),
    opened: true,
    progress: false,
    sound: false,
  };
}

interface Session extends ReflectorOptions {
  readonly store: ResourceStore;
  readonly contact: Contact;
  readonly signal: AbortSignal;
  /** The server sent something that advances the position. */
  readonly onProgress: (server: string) => void;
  /** The next complete set should come as a list, whatever the server can do. */
  readonly inFull: () => boolean;
  /** See `WatchRequest`. */
  readonly bookmarking: Set<string>;
}

function attempt(session: Session): Promise<Outcome> {
  const { position } = session.store;
  if (position.at === 'version') return watchOnce(session, position.version);
  const streamed = session.streaming.wanted && !session.inFull();
  return streamed ? streamOnce(session) : listOnce(session, position);
}

async function listOnce(
  { client, watched, store, contact, signal, log, onProgress }: Session,
  { atLeast, extent }: Position & { readonly at: 'nowhere' },
): Promise<Outcome> {
  const incoming = store.replace();
  const request = { client, watched, version: atLeast, extent, signal, onItems: incoming.add };
  const listed = await readList(request);
  if (!listed.ok) return { kind: 'list', error: listed.error, opened: false, progress: false, sound: false };
  const { server, version } = listed.value;
  contact.made();
  incoming.finish(version);
  log(`${watched.plural}: ${store.size} listed by ${server}, version ${version}`);
  onProgress(server);
  return { kind: 'list', error: null, opened: true, progress: true, sound: false };
}

async function streamOnce(session: Session): Promise<Outcome> {
  const { client, watched, store, log, onProgress } = session;
  const list = createStreamedList(store);
  const startedAt = client.clock.now();
  const { error, server, lasted } = await watchWith(session, {
    parameters: { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' },
    gzip: 'accepted',
    idleMs: () => {
      const left = startedAt + STREAM_TOTAL_MS - client.clock.now();
      return list.complete ? NO_IDLE_LIMIT_MS : Math.max(0, Math.min(STREAM_IDLE_MS, left));
    },
    onEvents: (events, by) => {
      const before = list.complete;
      list.take(events);
      if (!before && list.complete) log(`${watched.plural}: ${store.size} streamed by ${by}`);
      if (list.complete) onProgress(by);
    },
  });
  const progress = list.complete;
  return { kind: 'streamed-list', error, opened: server !== '', progress, sound: progress && lasted };
}

async function watchOnce(session: Session, version: string): Promise<Outcome> {
  const { store, onProgress } = session;
  const { error, server, lasted } = await watchWith(session, {
    parameters: { resourceVersion: version },
    gzip: 'refused',
    idleMs: () => NO_IDLE_LIMIT_MS,
    onEvents: (events, by) => {
      store.apply(events);
      onProgress(by);
    },
  });
  const { position: now } = store;
  const progress = lasted || (now.at === 'version' && now.version !== version);
  return { kind: 'watch', error, opened: server !== '', progress, sound: progress };
}

interface WatchPart {
  readonly parameters: Readonly<Record<string, string>>;
  readonly gzip: 'accepted' | 'refused';
  readonly idleMs: () => number;
  readonly onEvents: (events: readonly WatchEvent[], server: string) => void;
}

interface Watched {
  readonly error: ApiError | null;
  /** Empty if none answered. */
  readonly server: string;
  readonly lasted: boolean;
}

async function watchWith(
  { client, watched, store, contact, signal, log, bookmarking }: Session,
  part: WatchPart,
): Promise<Watched> {
  const startedAt = client.clock.now();
  let server = '';
  const error = await readWatch({
    client,
    watched,
    signal,
    bookmarking,
    log,
    version: () => (store.position.at === 'version' ? store.position.version : null),
    parameters: part.parameters,
    gzip: part.gzip,
    idleMs: part.idleMs,
    onOpen: (by) => {
      server = by;
      contact.made();
    },
    onEvents: (events) => {
      contact.made();
      part.onEvents(events, server);
    },
  });
  return { error, server, lasted: server !== '' && client.clock.now() - startedAt >= LASTING_MS };
}

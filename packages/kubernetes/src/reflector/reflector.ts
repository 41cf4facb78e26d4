/** Keeps the handlers' picture of one resource equal to the server's, whatever happens in between. */
import type { ApiClient } from '../http/api-client.ts';
import { apiError, type ApiError } from '../http/api-error.ts';
import { delay } from '../http/delay.ts';
import { createBackOff } from './back-off.ts';
import type { WatchEvent } from './decode-events.ts';
import {
  createResourceStore,
  type ResourceStore,
  type ResourceStoreHandlers,
  type Position,
} from './resource-store.ts';
import { createProblemReporter } from './problem-reporter.ts';
import { readList } from './read-list.ts';
import { readWatch } from './read-watch.ts';
import type { WatchedResource } from './resources.ts';
import { createStreamedList } from './streamed-list.ts';

export interface ReflectorOptions {
  readonly client: ApiClient;
  readonly watched: WatchedResource;
  readonly streaming: StreamingSupport;
  readonly handlers: ResourceStoreHandlers;
  readonly log: (line: string) => void;
}

/** Whether lists are asked for as a stream of watch events. One refusal is an answer for all resources. */
interface StreamingSupport {
  wanted: boolean;
}

export interface Reflector {
  stop(): Promise<void>;
}

/** An optional resource that is not there may come with an upgrade of the control plane. */
const ABSENT_RETRY_MS = 300_000;
/** A watch that lasted this long was a success even if nothing happened meanwhile. */
const LASTING_MS = 10_000;
/** Between the initial events of a streamed list, and for all of them. Some old servers ignore that one was asked for. */
const STREAM_IDLE_MS = 30_000;
const STREAM_TOTAL_MS = 300_000;
/** Bookmarks come about once a minute, but without a guarantee: only the end of the watch is overdue one day. */
const NO_IDLE_LIMIT_MS = 3_600_000;

/** What one list or watch came to. `null`: it ended as it should. */
interface Outcome {
  readonly kind: 'list' | 'streamed-list' | 'watch';
  readonly error: ApiError | null;
  /** The server had begun to answer. */
  readonly opened: boolean;
  /** Something came of it: the position is newer than before, or it lasted. */
  readonly progress: boolean;
  /**
   * It is no sign of a fault that repeats itself at once. A list is never enough: the watch after it may be
   * refused each time.
   */
  readonly sound: boolean;
}

export function startReflector(options: ReflectorOptions): Reflector {
  const abort = new AbortController();
  const store = createResourceStore(options.watched.resource, options.handlers, abort.signal);
  const retryPolicy = createRetryPolicy(options, store);
  const session = {
    ...options,
    store,
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
  };
}

/** Nothing above is meant to throw. If it does, a new list is the safest way on. */
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
  readonly signal: AbortSignal;
  /** Something came from the server that moves the picture on. */
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
  { client, watched, store, signal, log, onProgress }: Session,
  { atLeast, extent }: Position & { readonly at: 'nowhere' },
): Promise<Outcome> {
  const incoming = store.replace();
  const request = { client, watched, version: atLeast, extent, signal, onItems: incoming.add };
  const listed = await readList(request);
  if (!listed.ok) return { kind: 'list', error: listed.error, opened: false, progress: false, sound: false };
  const { server, version } = listed.value;
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
  { client, watched, signal, bookmarking }: Session,
  part: WatchPart,
): Promise<Watched> {
  const startedAt = client.clock.now();
  let server = '';
  const error = await readWatch({
    client,
    watched,
    signal,
    bookmarking,
    parameters: part.parameters,
    gzip: part.gzip,
    idleMs: part.idleMs,
    onOpen: (by) => {
      server = by;
    },
    onEvents: (events) => part.onEvents(events, server),
  });
  return { error, server, lasted: server !== '' && client.clock.now() - startedAt >= LASTING_MS };
}

interface RetryPolicy {
  readonly progressed: (server: string) => void;
  readonly inFull: () => boolean;
  /** Decides what is reported, whether a new list is needed, and the milliseconds to wait. */
  readonly waitAfter: (outcome: Outcome) => number;
}

function createRetryPolicy(options: ReflectorOptions, store: ResourceStore): RetryPolicy {
  const { watched, streaming, handlers, log } = options;
  const backOff = createBackOff(options.client.clock);
  const reporter = createProblemReporter({ plural: watched.plural, onProblem: handlers.onProblem, log });

  // Streams and lists take turns while streams fail: a proxy in between may pass on one of them only.
  let inFull = false;
  const isUseless = createPatience();

  const waitAfterError = (error: ApiError, { opened }: Outcome): number => {
    const failures = backOff.failures;
    const waitMs = Math.max(backOff.next(), error.retryAfterMs);
    if (error.code === 'expired') {
      // A list that grew too old between two pages is requested in one piece the next time.
      const { position } = store;
      store.lose(position.at === 'nowhere' && position.extent === 'pages' ? 'whole' : 'pages');
      return failures === 0 ? 0 : waitMs;
    }
    // One that breaks off is no problem yet: the server may only have restarted. Request again at once.
    if (error.code === 'connection-lost' && opened && failures === 0) return 0;
    if (watched.optional && (error.code === 'not-found' || error.code === 'forbidden')) {
      if (failures === 0) log(`${watched.plural}: ${error.message}; taken as none`);
      store.nothing();
      return ABSENT_RETRY_MS;
    }
    if (error.code === 'bad-response' || isOfTheFuture(error, failures)) store.lose('pages');
    reporter.report(error);
    return waitMs;
  };

  const waitAfter = (outcome: Outcome): number => {
    if (outcome.sound) backOff.reset();
    inFull = outcome.kind === 'streamed-list' && !outcome.progress;
    const useless = isUseless(outcome);
    if (useless) store.lose('pages');
    if (isRefusalToStream(outcome)) {
      streaming.wanted = false;
      log(`${watched.plural}: no streamed lists here (${outcome.error?.message ?? 'ended early'}); listing`);
      return 0;
    }
    if (outcome.error !== null) return waitAfterError(outcome.error, outcome);
    if (useless) reporter.report(ENDED_AT_ONCE);
    return outcome.progress ? 0 : backOff.next();
  };
  return { progressed: reporter.recovered, inFull: () => inFull, waitAfter };
}

const ENDED_AT_ONCE = apiError('bad-response', 'watches end as soon as they begin');

/** So many in a row. Two may meet a server that is about to go. */
const FRUITLESS_WATCHES = 3;

/** Whether watches end again and again without any event: only a new list shows the objects then. */
function createPatience(): (outcome: Outcome) => boolean {
  let fruitless = 0;
  return (outcome) => {
    if (outcome.kind !== 'watch' || outcome.sound) fruitless = 0;
    else if (isAnswered(outcome)) fruitless += 1;
    if (fruitless < FRUITLESS_WATCHES) return false;
    fruitless = 0;
    return true;
  };
}

/** By a server or proxy, with a status other than "retry later": a server that is away is no reason for a new list. */
function isAnswered({ error, opened }: Outcome): boolean {
  if (error === null || opened) return true;
  return error.status > 0 && !['unauthorized', 'throttled', 'server-error'].includes(error.code);
}

/** Servers refuse the parameters (older ones), or fail with 500 (an old etcd behind them), or never finish. */
function isRefusalToStream({ kind, error, opened, progress }: Outcome): boolean {
  if (kind !== 'streamed-list' || progress) return false;
  if (error === null) return true;
  if (error.code === 'refused' || error.status === 500 || error.status === 501) return true;
  return opened && error.code === 'stalled';
}

/** A cluster restored from a backup: our version will not come for a long time. A lagging server gets two tries. */
function isOfTheFuture(error: ApiError, failures: number): boolean {
  return failures >= 2 && /too large resource version/i.test(error.message);
}

/** What is reported, when a new list is needed, and how long to wait, after each list or watch. */
import { apiError, type ApiError } from '../http/api-error.ts';
import { createBackOff, type BackOff } from './back-off.ts';
import type { Contact } from './contact.ts';
import { createProblemReporter, type ProblemReporter } from './problem-reporter.ts';
import type { ReflectorOptions } from './reflector-options.ts';
import type { ResourceStore } from './resource-store.ts';

/** Result of one list or watch. `null`: it ended properly. */
export interface Outcome {
  readonly kind: 'list' | 'streamed-list' | 'watch';
  readonly error: ApiError | null;
  /** The server had begun to answer. */
  readonly opened: boolean;
  /** It made progress: the position is newer than before, or it lasted long enough. */
  readonly progress: boolean;
  /**
   * It is no sign of a fault that repeats itself at once. A list is never enough: the watch after it may be
   * refused each time.
   */
  readonly sound: boolean;
}

/** An optional resource that is not there may come with an upgrade of the control plane. */
const ABSENT_RETRY_MS = 300_000;
interface RetryPolicy {
  readonly progressed: (server: string) => void;
  readonly inFull: () => boolean;
  /** Decides what is reported, whether a new list is needed, and the milliseconds to wait. */
  readonly waitAfter: (outcome: Outcome) => number;
}

export function createRetryPolicy(
  options: ReflectorOptions,
  store: ResourceStore,
  contact: Contact,
): RetryPolicy {
  const { watched, streaming, handlers, log } = options;
  const { plural } = watched;
  const backOff = createBackOff(options.client.clock);
  const reporter = createProblemReporter({ plural, contact, onProblem: handlers.onProblem, log });

  // Streams and lists take turns while streams fail: a proxy in between may pass on one of them only.
  let inFull = false;
  const isUseless = createPatience();

  const waitAfter = (outcome: Outcome): number => {
    if (outcome.sound) backOff.reset();
    inFull = outcome.kind === 'streamed-list' && !outcome.progress;
    const useless = isUseless(outcome);
    if (useless) store.lose('pages');
    if (isRefusalToStream(outcome)) {
      streaming.wanted = false;
      log(
        `${plural}: the API server does not stream lists (${outcome.error?.message ?? 'ended early'}); using list requests`,
      );
      return 0;
    }
    if (outcome.error !== null) {
      return waitAfterError(outcome.error, outcome, { ...options, store, backOff, reporter });
    }
    if (useless) reporter.report(ENDED_AT_ONCE);
    return outcome.progress ? 0 : backOff.next();
  };
  return { progressed: reporter.recovered, inFull: () => inFull, waitAfter };
}

interface ErrorHandling extends ReflectorOptions {
  readonly store: ResourceStore;
  readonly backOff: BackOff;
  readonly reporter: ProblemReporter;
}

function waitAfterError(
  error: ApiError,
  { opened }: Outcome,
  { watched, log, store, backOff, reporter }: ErrorHandling,
): number {
  const { failures } = backOff;
  const waitMs = Math.max(backOff.next(), error.retryAfterMs);
  if (error.code === 'expired') {
    store.lose(extentAfterExpiry(store));
    return failures === 0 ? 0 : waitMs;
  }
  // One that breaks off is no problem yet: the server may only have restarted. Request again at once.
  if (error.code === 'connection-lost' && opened && failures === 0) return 0;
  if (watched.optional && (error.code === 'not-found' || error.code === 'forbidden')) {
    if (failures === 0) log(`${watched.plural}: ${error.message}; treated as an empty list`);
    store.nothing();
    return ABSENT_RETRY_MS;
  }
  if (error.code === 'bad-response' || isOfTheFuture(error, failures)) store.lose('pages');
  reporter.report(error);
  return waitMs;
}

/** A list that grew too old between two pages is requested in one piece the next time. */
function extentAfterExpiry({ position }: ResourceStore): 'whole' | 'pages' {
  return position.at === 'nowhere' && position.extent === 'pages' ? 'whole' : 'pages';
}

const ENDED_AT_ONCE = apiError('bad-response', 'watches end as soon as they begin');

/** So many in a row. Two may be due to a server that is shutting down. */
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

/** By a server or proxy, with a status other than "retry later": an unreachable server is no reason for a new list. */
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

/** A cluster restored from a backup: the requested version is far in the future. A lagging server gets two tries. */
function isOfTheFuture(error: ApiError, failures: number): boolean {
  return failures >= 2 && /too large resource version/i.test(error.message);
}

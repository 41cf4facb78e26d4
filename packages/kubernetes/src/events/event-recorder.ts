import type { Clock } from '@signalbox/core';

import type { ClusterConfig } from '../config/cluster-config.ts';
import { createApiClient, type ApiClient } from '../http/api-client.ts';
import type { ApiError, ApiErrorCode } from '../http/api-error.ts';
import { delay } from '../http/delay.ts';
import { createBackOff } from '../reflector/back-off.ts';
import type { WireEvent } from '../wire.ts';
import type { ClusterEvent } from './cluster-event.ts';
import { renderEvent } from './render-event.ts';

/** Options of `createEventRecorder`; `clock`, `qps`, `burst` and `userAgent` are those of `ApiClientOptions`. */
export interface EventRecorderOptions {
  /** Servers, TLS and credentials. */
  readonly config: ClusterConfig;
  /** The node's name. */
  readonly reportingInstance: string;
  /** `kube-proxy` unless something else is given: dashboards select by that name. */
  readonly reportingController?: string;
  /** Default: the system clock. */
  readonly clock?: Clock;
  /** Requests a second; 0: 5; negative: no limit. */
  readonly qps?: number;
  /** Requests at once; 0: 10. */
  readonly burst?: number;
  /** `signalbox/1.2.3` */
  readonly userAgent?: string;
  /** Receives one line for each event that is dropped after a failed request. */
  readonly log?: (line: string) => void;
  /** Shared with a source; stays open after `stop`. */
  readonly client?: ApiClient;
}

/** Posts Events of a cluster in the background, one at a time, in the order of `record`. */
export interface EventRecorder {
  /** Never waits and never fails: what cannot be delivered after some tries is dropped and logged. */
  record(event: ClusterEvent): void;
  /** Drops what has not been delivered. */
  stop(): Promise<void>;
}

/** Maximum of events that wait for an unreachable server. Beyond it the oldest are dropped. */
const QUEUE_LIMIT = 100;
const TRIES = 10;
/** The same event is not posted again within this time. Client-go counts repetitions over the same span. */
const REPEAT_MS = 360_000;

/**
 * Creates Events of `events.k8s.io/v1`. After a transient error an event is tried again, up to 10 times in all. An equal event
 * within 6 minutes is not posted. Up to 100 events are queued; beyond that the oldest is dropped.
 */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const client = options.client ?? createApiClient(options);
  const log = options.log ?? ((): void => undefined);
  const abort = new AbortController();
  const recent = new Map<string, number>();
  const queue: WireEvent[] = [];
  let working: Promise<void> = Promise.resolve();
  let busy = false;

  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined && !abort.signal.aborted; next = queue.shift()) {
      const error = await post(client, next, abort.signal).catch(messageOf);
      if (error !== null) log(`event ${next.reason ?? ''}: ${error.message}; dropped`);
    }
    busy = false;
  };

  return {
    record(event) {
      const now = client.clock.now();
      if (abort.signal.aborted || isRepeated(recent, event, now)) return;
      if (queue.length >= QUEUE_LIMIT) queue.shift();
      queue.push(renderEvent(event, { ...options, now, random: client.clock.random() }));
      if (busy) return;
      busy = true;
      working = work();
    },
    async stop() {
      abort.abort();
      await working;
      if (options.client === undefined) client.close();
    },
  };
}

function isRepeated(recent: Map<string, number>, event: ClusterEvent, now: number): boolean {
  const key = JSON.stringify(event);
  for (const [old, at] of recent) if (Math.abs(now - at) >= REPEAT_MS) recent.delete(old);
  if (recent.has(key)) return true;
  recent.set(key, now);
  return false;
}

/** A rejection is a fault of Signalbox: it affects one event, not those that follow. */
function messageOf(reason: unknown): Pick<ApiError, 'message'> {
  return { message: reason instanceof Error ? reason.message : String(reason) };
}

const WORTH_A_RETRY: readonly ApiErrorCode[] = [
  'connection-lost',
  'stalled',
  'tls-failed',
  'credentials-failed',
  'unauthorized',
  'throttled',
  'server-error',
];

/** `null`: delivered, or dropped because of `stop`. */
async function post(client: ApiClient, event: WireEvent, signal: AbortSignal): Promise<ApiError | null> {
  const backOff = createBackOff(client.clock);
  const path = `/apis/events.k8s.io/v1/namespaces/${event.metadata?.namespace ?? 'default'}/events`;
  for (;;) {
    const opened = await client.open({ method: 'POST', path, body: event, gzip: 'refused', signal });
    if (opened.ok) {
      opened.value.body.on('error', () => undefined).resume();
      return null;
    }
    if (signal.aborted) return null;
    const { error } = opened;
    // An earlier attempt arrived, and its answer was lost.
    if (error.status === 409 && backOff.failures > 0) return null;
    if (!WORTH_A_RETRY.includes(error.code) || backOff.failures >= TRIES - 1) return error;
    await delay(client.clock, Math.max(backOff.next(), error.retryAfterMs), signal);
  }
}

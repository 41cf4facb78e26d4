/**
 * A second connection beside a watch that is quiet. A load balancer may lead each connection to another server, and the
 * server of this one may be silent, whatever is answered on other connections. The same watch is therefore opened again from
 * the last version. Where an event arrives there and none here, this connection is dead, and the watch continues there.
 *
 * A healthy server gets one more watch while nothing happens, in place of the probes of `liveness.ts`: the second connection
 * stays open over bookmarks, and is closed by the next event.
 */
import type { Clock, Result } from '@signalbox/core';

import type { ApiAnswer } from '../http/api-client.ts';
import type { ApiError } from '../http/api-error.ts';
import type { EventDecoder, WatchEvent } from './decode-events.ts';

/** Shorter than the time after which the server is probed: the answer to this request replaces the probe. */
export const STANDBY_AFTER_MS = 25_000;
/** The second connection may lead to the silent server too: then another one is tried, once in each quiet time. */
export const ANSWER_MS = 10_000;
const ATTEMPTS = 2;
/** Servers are not equally fast. */
export const LEAD_MS = 2_000;

/** A watch whose answer has begun. */
export interface WatchStream {
  readonly answer: ApiAnswer;
  readonly decoder: EventDecoder;
  /** Decoded already, and not applied yet. */
  readonly events: readonly WatchEvent[];
  /** When the server should end it, in milliseconds from its start. */
  readonly lastsMs: number;
}

export interface StandbyParts {
  readonly clock: Clock;
  /** Opens the watch from the last version; `null` where there is none. */
  readonly open: (signal: AbortSignal) => Promise<Result<WatchStream, ApiError>> | null;
  /** The server answered, or sent something, on the second connection. */
  readonly onAlive: (server: string) => void;
  /** The first connection is dead: it has to end, `end` has the other one. */
  readonly onDead: () => void;
}

export interface Standby {
  /** Something arrived on the first connection: these events, or a part of one. */
  readonly received: (events: readonly WatchEvent[]) => void;
  /** The stream with which the watch continues; `null`: with none. */
  readonly end: () => WatchStream | null;
}

interface State {
  receivedAt: number;
  /** Aborts the second connection; `null`: there is none. */
  abort: AbortController | null;
  /** The second connection has an event that the first has not. */
  leading: WatchStream | null;
  taken: boolean;
  over: boolean;
  cancel: () => void;
}

export function createStandby(parts: StandbyParts): Standby {
  const { clock } = parts;
  const state: State = {
    receivedAt: clock.now(),
    abort: null,
    leading: null,
    taken: false,
    over: false,
    cancel: () => undefined,
  };
  checkLater(parts, state);
  return {
    received(events) {
      state.receivedAt = clock.now();
      if (state.abort === null) return;
      if (state.leading !== null || !isBookmarks(events)) restart(parts, state);
    },
    end() {
      state.over = true;
      state.cancel();
      if (!state.taken) state.abort?.abort();
      return state.taken ? state.leading : null;
    },
  };
}

function checkLater(parts: StandbyParts, state: State): void {
  if (state.over) return;
  // The clock may have been set back: that counts as received just now.
  const quietMs = Math.max(0, parts.clock.now() - state.receivedAt);
  const wait = Math.max(0, STANDBY_AFTER_MS - quietMs);
  state.cancel = parts.clock.schedule(wait, () => {
    if (parts.clock.now() - state.receivedAt < STANDBY_AFTER_MS) checkLater(parts, state);
    else void open(parts, state);
  });
}

/** Closes the second connection; another one is opened after the next quiet time. */
function restart(parts: StandbyParts, state: State): void {
  state.cancel();
  state.abort?.abort();
  state.abort = null;
  state.leading = null;
  checkLater(parts, state);
}

async function open(parts: StandbyParts, state: State, attempt = 1): Promise<void> {
  const abort = new AbortController();
  const opening = parts.open(abort.signal);
  const giveUp = (): void => {
    if (state.abort !== abort) return;
    state.receivedAt = parts.clock.now();
    restart(parts, state);
  };
  state.abort = abort;
  if (opening === null) return giveUp();
  state.cancel = parts.clock.schedule(ANSWER_MS, () => {
    abort.abort();
    if (attempt < ATTEMPTS) void open(parts, state, attempt + 1);
    else giveUp();
  });
  const opened = await opening;
  if (state.abort !== abort || state.over)
    return opened.ok ? void opened.value.answer.body.destroy() : undefined;
  state.cancel();
  if (!opened.ok) return giveUp();
  const { server } = opened.value.answer;
  parts.onAlive(server);
  wait(opened.value, {
    onAlive: () => parts.onAlive(server),
    onLost: giveUp,
    onLead: (stream) => lead(parts, state, stream),
  });
}

interface Waiting {
  readonly onAlive: () => void;
  /** It broke, ended, or is not understood. */
  readonly onLost: () => void;
  readonly onLead: (stream: WatchStream) => void;
}

/** Reads bookmarks up to the first event. What follows it stays unread. */
function wait(stream: WatchStream, { onAlive, onLost, onLead }: Waiting): void {
  const { body } = stream.answer;
  const look = (): void => {
    for (let chunk = read(body); chunk !== null; chunk = read(body)) {
      onAlive();
      const events = decode(stream, chunk);
      if (events === null) return onLost();
      if (isBookmarks(events)) continue;
      body.off('readable', look).off('close', onLost);
      return onLead({ ...stream, events });
    }
  };
  body.on('readable', look).on('close', onLost);
}

/** Also an event that is not complete yet. */
function isBookmarks(events: readonly WatchEvent[]): boolean {
  return events.every(({ type }) => type === 'bookmark');
}

/** `null`: an error of the server, or nothing that can be decoded. The first connection is not affected by it. */
function decode({ decoder }: WatchStream, chunk: Buffer): readonly WatchEvent[] | null {
  try {
    const { events, fault } = decoder.push(chunk);
    return fault === null ? events : null;
  } catch {
    return null;
  }
}

function read(body: ApiAnswer['body']): Buffer | null {
  return body.read() as Buffer | null;
}

function lead(parts: StandbyParts, state: State, stream: WatchStream): void {
  state.leading = stream;
  state.cancel = parts.clock.schedule(LEAD_MS, () => {
    state.taken = true;
    parts.onDead();
  });
}

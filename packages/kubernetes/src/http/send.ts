/** One HTTP request to one server. Errors are values. */
import { request as httpRequest, type Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

import { type Clock, type Result, succeed } from '@signalbox/core';

import type { Headers } from '../config/cluster-config.ts';
import { TCP_KEEPALIVE_MS } from './agents.ts';
import { apiError, codeOfTransport, type ApiError } from './api-error.ts';

export interface Outgoing {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers: Headers;
  readonly body: string | null;
  readonly agent: Agent;
  /** From now to the first byte of the answer, connecting included. */
  readonly answerWithinMs: number;
  readonly signal: AbortSignal;
}

/** Resolves with the answer's head; the body is still to come. Messages do not name the server: the caller does. */
export async function send(outgoing: Outgoing, clock: Clock): Promise<Result<IncomingMessage, ApiError>> {
  const first = await sendOnce(outgoing, clock);
  // A kept connection may have been closed by the server while the request was written: that is no sign of a fault of the server.
  const again = !first.ok && first.error.reused && outgoing.method === 'GET' && !outgoing.signal.aborted;
  const last = again ? await sendOnce(outgoing, clock) : first;
  return last.ok ? last : { ok: false, error: last.error.error };
}

const ABORTED = apiError('aborted', 'stopped');

interface SendFailure {
  readonly error: ApiError;
  readonly reused: boolean;
}

async function sendOnce(outgoing: Outgoing, clock: Clock): Promise<Result<IncomingMessage, SendFailure>> {
  // A request that is destroyed before it has a socket leaves a new connection in the agent.
  if (outgoing.signal.aborted) return { ok: false, error: { error: ABORTED, reused: false } };
  return exchange(outgoing, clock).catch((error: unknown) => {
    // Node throws for some requests, for example with a line break in a header.
    const cause = error instanceof Error ? error : new Error(String(error));
    return { ok: false, error: { error: apiError(codeOfTransport(cause), describe(cause)), reused: false } };
  });
}

function createRequest({ url, method, headers, agent, answerWithinMs }: Outgoing): ClientRequest {
  const make = url.protocol === 'https:' ? httpsRequest : httpRequest;
  // `timeout` is for the way through a proxy alone: with a socket it is only an event, which has no listener.
  return make(url, { method, headers, agent, timeout: answerWithinMs });
}

function exchange(outgoing: Outgoing, clock: Clock): Promise<Result<IncomingMessage, SendFailure>> {
  const { signal } = outgoing;
  return new Promise((resolve) => {
    const settle = (result: Result<IncomingMessage, SendFailure>): void => {
      cancel();
      resolve(result);
    };
    const fail = (error: ApiError, reused = false): void => settle({ ok: false, error: { error, reused } });
    // Not Node's own `signal`: it destroys the socket with an error, which is uncaught where the answer has just ended.
    const stop = (): void => {
      fail(ABORTED);
      request.destroy();
    };
    const request = createRequest(outgoing);
    const cancel = clock.schedule(outgoing.answerWithinMs, () => {
      // At once: a request that waits for CONNECT at a proxy has no socket yet, and emits no event when it ends.
      fail(apiError('stalled', `no answer within ${outgoing.answerWithinMs / 1000} s`));
      request.destroy(new Error('late'));
    });
    signal.addEventListener('abort', stop);
    request.on('close', () => signal.removeEventListener('abort', stop));
    request.on('socket', (socket) => socket.setKeepAlive(true, TCP_KEEPALIVE_MS));
    request.on('response', (response) => {
      // It may break, or be aborted, before its reader listens. The reader detects a destroyed stream.
      response.on('error', () => undefined);
      settle(succeed(response));
    });
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      fail(apiError('bad-response', 'unexpected status 101 Switching Protocols'));
    });
    request.on('error', (error) =>
      fail(apiError(codeOfTransport(error), describe(error)), request.reusedSocket),
    );
    request.on('close', () => fail(apiError('connection-lost', 'the connection closed before an answer')));
    request.end(outgoing.body ?? undefined);
  });
}

/** Several addresses tried give an AggregateError with an empty message. */
function describe(error: Error): string {
  const causes = error instanceof AggregateError ? (error.errors as Error[]).map((e) => e.message) : [];
  const text = causes.length > 0 ? [...new Set(causes)].join(', ') : error.message;
  return text.split('\n')[0] ?? text;
}

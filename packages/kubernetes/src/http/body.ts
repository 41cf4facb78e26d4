/** Bytes of an answer, with time limits. */
import type { IncomingMessage } from 'node:http';
import { finished, pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

import type { Clock } from '@signalbox/core';

import { apiError, codeOfTransport, type ApiError } from './api-error.ts';

export interface BodyLimits {
  /** Longest time without a byte; evaluated again after each chunk. */
  readonly idleMs: () => number;
  /** Longest time altogether. */
  readonly totalMs: number;
}

/** The body, decompressed. */
export function decodedBody(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  const gunzip = createGunzip().on('error', () => undefined);
  // Errors of either end come out of the reading end.
  pipeline(response, gunzip, () => undefined);
  return gunzip;
}

/**
 * Calls `onChunk` with each chunk as it comes. `null` is the proper end; a body cut short, too slow or never ending is
 * an error. `onChunk` may end the reading by returning `stop`. Throws what `onChunk` throws.
 */
export async function readBody(
  body: Readable,
  clock: Clock,
  limits: BodyLimits,
  onChunk: (chunk: Buffer) => 'stop' | undefined,
): Promise<ApiError | null> {
  const expireAfter = (ms: number, what: string): (() => void) =>
    clock.schedule(ms, () => {
      body.destroy(new StalledError(`${what} ${Math.round(ms / 1000)} s`));
    });
  const expireIdle = (): (() => void) => expireAfter(limits.idleMs(), 'no byte for');
  const cancelTotal = expireAfter(limits.totalMs, 'no end of the answer after');
  let cancelIdle = expireIdle();
  const end = await readChunks(body, (chunk) => {
    cancelIdle();
    const wish = onChunk(chunk);
    if (wish !== 'stop') cancelIdle = expireIdle();
    return wish;
  });
  cancelTotal();
  cancelIdle();
  if (end.kind === 'fault') throw end.error;
  return end.kind === 'whole' ? null : transportError(end.error);
}

type BodyEnd =
  | { readonly kind: 'whole' }
  | { readonly kind: 'broken'; readonly error: unknown }
  /** `onChunk` threw: not a failure of the connection. */
  | { readonly kind: 'fault'; readonly error: unknown };

/** By events: the iterator of a stream takes several promises for each chunk. The body is destroyed unless it ended by itself. */
function readChunks(body: Readable, onChunk: (chunk: Buffer) => 'stop' | undefined): Promise<BodyEnd> {
  return new Promise((resolve) => {
    const settle = (end: BodyEnd): void => {
      body.off('data', take);
      body.destroy();
      resolve(end);
    };
    const take = (chunk: Buffer): void => {
      try {
        if (onChunk(chunk) === 'stop') settle({ kind: 'whole' });
      } catch (error) {
        settle({ kind: 'fault', error });
      }
    };
    // Errors after the end of the reading have no other listener.
    body.on('error', () => undefined);
    finished(body, { writable: false }, (error) =>
      settle(error === null || error === undefined ? { kind: 'whole' } : { kind: 'broken', error }),
    );
    body.on('data', take);
  });
}

/** The reason for aborting a body: its bytes did not come. */
export class StalledError extends Error {}

function transportError(error: unknown): ApiError {
  if (error instanceof StalledError) return apiError('stalled', error.message);
  const cause = error instanceof Error ? error : new Error(String(error));
  const code = codeOfTransport(cause);
  return apiError(code, code === 'aborted' ? 'stopped' : `the connection broke: ${cause.message}`);
}

/** A short body; what is beyond the limit is cut off. */
export async function readStart(body: Readable, clock: Clock, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  await readBody(body, clock, { idleMs: () => 10_000, totalMs: 30_000 }, (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    return size >= limit ? 'stop' : undefined;
  });
  return Buffer.concat(chunks).subarray(0, limit);
}

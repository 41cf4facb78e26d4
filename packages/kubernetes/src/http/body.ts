/** Bytes of an answer, with time limits. */
import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
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
  const faults = new Set<unknown>();
  const take = (chunk: Buffer): 'stop' | undefined => {
    try {
      return onChunk(chunk);
    } catch (error) {
      faults.add(error);
      throw error;
    }
  };
  const expireAfter = (ms: number, what: string): (() => void) =>
    clock.schedule(ms, () => {
      body.destroy(new StalledError(`${what} ${Math.round(ms / 1000)} s`));
    });
  const expireIdle = (): (() => void) => expireAfter(limits.idleMs(), 'no byte for');
  const cancelTotal = expireAfter(limits.totalMs, 'no end of the answer after');
  let cancelIdle = expireIdle();
  try {
    for await (const chunk of body) {
      cancelIdle();
      if (take(chunk as Buffer) === 'stop') return null;
      cancelIdle = expireIdle();
    }
    return null;
  } catch (error) {
    // A body that cannot be decoded is not a fault of the connection.
    if (faults.has(error)) throw error;
    return transportError(error);
  } finally {
    cancelTotal();
    cancelIdle();
  }
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

/** From the bytes of a watch to its events, in JSON or protobuf. */
import type { Resource } from '@signalbox/core';

import { apiError, boundedRetryAfterMs, codeOfStatus, type ApiError } from '../http/api-error.ts';
import type { Format } from '../http/formats.ts';
import { TooLargeError } from '../http/limits.ts';
import { createLineSplitter } from '../http/lines.ts';
import { ProtobufError } from '../protobuf/cursor.ts';
import { createFrameSplitter, decodeWatchEvent } from '../protobuf/envelope.ts';
import type { WireObject, WireStatus } from '../wire.ts';

export type WatchEvent =
  | { readonly type: 'upsert' | 'delete'; readonly object: WireObject; readonly version: string }
  /** `complete`: all requested initial events have been sent. */
  | { readonly type: 'bookmark'; readonly version: string; readonly complete: boolean };

interface Decoded {
  /** Those before the fault. */
  readonly events: readonly WatchEvent[];
  readonly fault: ApiError | null;
}

export interface EventDecoder {
  /** Events up to the first that is an error or is not understood. */
  push(chunk: Buffer): Decoded;
}

export function createEventDecoder(format: Format, resource: Resource): EventDecoder {
  const { push } = format === 'json' ? createJsonSplitter() : createProtobufSplitter(resource);
  return {
    push(chunk) {
      const events: WatchEvent[] = [];
      try {
        for (const raw of push(chunk)) {
          const decoded = decodeEvent(raw.parse(), raw.shown);
          if ('code' in decoded) return { events, fault: decoded };
          if (decoded.type !== 'unknown') events.push(decoded);
        }
        return { events, fault: null };
      } catch (error) {
        return { events, fault: apiError('bad-response', describe(error)) };
      }
    },
  };
}

/** As in JSON. */
interface ParsedEvent {
  readonly type?: string;
  readonly object?: (WireObject & WireStatus) | null;
}

interface RawEvent {
  /** Throws errors that `describe` can format. */
  readonly parse: () => ParsedEvent | null;
  /** For messages. */
  readonly shown: string;
}

interface EventSplitter {
  /** Throws a TooLargeError. */
  readonly push: (chunk: Buffer) => RawEvent[];
}

function createJsonSplitter(): EventSplitter {
  const lines = createLineSplitter();
  return {
    push: (chunk) =>
      lines.push(chunk).map((line) => {
        const shown = line.slice(0, 80);
        return { shown, parse: () => parseLine(line, shown) };
      }),
  };
}

function parseLine(line: string, shown: string): ParsedEvent | null {
  try {
    return JSON.parse(line) as ParsedEvent | null;
  } catch {
    throw new SyntaxError(`a watch event is not JSON: ${shown}`);
  }
}

function createProtobufSplitter(resource: Resource): EventSplitter {
  const frames = createFrameSplitter();
  return {
    push: (chunk) =>
      frames.push(chunk).map((frame) => ({
        shown: `${frame.length} bytes of protobuf`,
        parse: () => decodeWatchEvent(frame, resource),
      })),
  };
}

function describe(error: unknown): string {
  if (error instanceof TooLargeError || error instanceof SyntaxError) return error.message;
  if (error instanceof ProtobufError) return `a watch event is not protobuf: ${error.message}`;
  throw error;
}

const TYPES: Readonly<Record<string, 'upsert' | 'delete'>> = {
  ADDED: 'upsert',
  MODIFIED: 'upsert',
  DELETED: 'delete',
};

const INITIAL_END = 'k8s.io/initial-events-end';

function decodeEvent(
  event: ParsedEvent | null,
  shown: string,
): WatchEvent | ApiError | { readonly type: 'unknown' } {
  const type = event?.type ?? '';
  const object = event?.object;
  if (!object) return apiError('bad-response', `a watch event has no object: ${shown}`);
  if (type === 'ERROR') return decodeStatus(object);
  const version = object.metadata?.resourceVersion;
  if (typeof version !== 'string' || version === '') {
    return apiError('bad-response', `a watch event has no resourceVersion: ${shown}`);
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

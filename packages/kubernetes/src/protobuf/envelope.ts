/** Single objects and frames of a watch. */
import type { Resource } from '@signalbox/core';

import { createPieceBuffer, OBJECT_LIMIT, TooLargeError } from '../http/limits.ts';
import { ProtobufError } from './cursor.ts';
import { decodeMessage } from './message.ts';
import { OBJECTS, STATUS, UNKNOWN, WATCH_EVENT } from './objects.ts';

/** Before each object that is not part of another. */
export const MAGIC = Buffer.from('k8s\0');

const NOTHING = Buffer.alloc(0);

/** An object with its kind, or the Status in its place, as JSON would have it. Throws a ProtobufError. */
export function decodeObject(bytes: Buffer, resource: Resource | 'Status'): Record<string, unknown> {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw new ProtobufError('it does not begin with k8s\\0');
  const { typeMeta = {}, raw = NOTHING } = decodeMessage(bytes.subarray(MAGIC.length), UNKNOWN) as {
    typeMeta?: { readonly kind?: string };
    raw?: Buffer;
  };
  const kind = typeMeta.kind ?? '';
  if (kind === 'Status') return { ...typeMeta, ...decodeMessage(raw, STATUS) };
  if (resource === 'Status' || kind !== resource)
    throw new ProtobufError(`it is a ${kind}, not a ${resource}`);
  return { ...typeMeta, ...decodeMessage(raw, OBJECTS[resource]) };
}

/** One frame of a watch. Throws a ProtobufError. */
export function decodeWatchEvent(frame: Buffer, resource: Resource): { type?: string; object?: object } {
  const { type = '', object = {} } = decodeMessage(frame, WATCH_EVENT) as {
    type?: string;
    object?: { readonly raw?: Buffer };
  };
  return object.raw === undefined ? { type } : { type, object: decodeObject(object.raw, resource) };
}

export interface FrameSplitter {
  /** The frames that this chunk completes. Throws a TooLargeError. */
  push(chunk: Buffer): Buffer[];
}

const PREFIX = 4;

/** Frames have their length before them, in four bytes. Chunks may end anywhere. */
export function createFrameSplitter(limit: number = OBJECT_LIMIT): FrameSplitter {
  const what = 'a watch event';
  const prefix = createPieceBuffer(what, PREFIX);
  const frame = createPieceBuffer(what, limit);
  /** Of the frame being read; null: its prefix is being read. */
  let length: number | null = null;
  const take = (chunk: Buffer): Buffer | null => {
    if (length !== null) {
      length = null;
      return frame.take(chunk);
    }
    length = prefix.take(chunk).readUInt32BE();
    if (length > limit) throw new TooLargeError(what, limit);
    return null;
  };
  return {
    push(chunk) {
      const frames: Buffer[] = [];
      for (let at = 0; ;) {
        const part = length === null ? prefix : frame;
        const to = at + (length ?? PREFIX) - part.size;
        if (to > chunk.length) {
          part.append(chunk.subarray(at));
          return frames;
        }
        const whole = take(chunk.subarray(at, to));
        if (whole !== null) frames.push(whole);
        at = to;
      }
    },
  };
}

/** Reads a list in protobuf piece by piece, item by item, as list-splitter.ts of http/ does with JSON. */
import type { Resource } from '@signalbox/core';

import {
  createPieceBuffer,
  ENVELOPE_LIMIT,
  LIST_LIMIT,
  OBJECT_LIMIT,
  TooLargeError,
  type PieceBuffer,
} from '../http/limits.ts';
import type { ListSplitter } from '../http/list-splitter.ts';
import { BYTES, fixedLength, LONGEST_VARINT, MORE, ProtobufError, VARINT } from './cursor.ts';
import { MAGIC } from './envelope.ts';
import { decodeMessage } from './message.ts';
import { LIST_META, OBJECTS, TYPE_META } from './objects.ts';

/** Use of the bytes of a field of known length. */
type Use = 'magic' | 'type' | 'metadata' | 'item' | 'nothing';

interface Scan {
  /** Bytes so far. */
  total: number;
  use: Use;
  /** So many of them are still to come. */
  left: number;
  readonly held: Readonly<Record<'magic' | 'type' | 'metadata' | 'item', PieceBuffer>>;
  /** The number that is being read, tag or length: its value so far, and its bytes. */
  value: number;
  digits: number;
  /** Of the field whose length or value is being read; 0: a tag is being read. */
  tag: number;
  /** Where the list within the envelope ends; null outside. */
  listEnd: number | null;
  readonly resource: Resource;
  readonly list: Record<string, unknown>;
}

export function createProtobufListSplitter(resource: Resource, limit: number = LIST_LIMIT): ListSplitter {
  const envelope = 'a list without its items';
  const scan: Scan = {
    total: 0,
    use: 'magic',
    left: MAGIC.length,
    held: {
      magic: createPieceBuffer(envelope, MAGIC.length),
      type: createPieceBuffer(envelope, ENVELOPE_LIMIT),
      metadata: createPieceBuffer(envelope, ENVELOPE_LIMIT),
      item: createPieceBuffer('a list item', OBJECT_LIMIT),
    },
    value: 0,
    digits: 0,
    tag: 0,
    listEnd: null,
    resource,
    list: {},
  };
  return {
    push(chunk) {
      const items: unknown[] = [];
      const start = scan.total;
      while (scan.total - start < chunk.length) {
        const at = scan.total - start;
        if (scan.left > 0) takeBytes(scan, chunk.subarray(at, at + scan.left), items);
        else takeDigit(scan, chunk[at] ?? 0);
        if (scan.total > limit) throw new TooLargeError('a list', limit);
        leaveList(scan);
      }
      return items;
    },
    end() {
      const complete = scan.left === 0 && scan.digits === 0 && scan.tag === 0 && scan.listEnd === null;
      if (!complete) throw new ProtobufError('it ends within a field');
      return scan.list;
    },
  };
}

function takeBytes(scan: Scan, piece: Buffer, items: unknown[]): void {
  scan.total += piece.length;
  scan.left -= piece.length;
  if (scan.use === 'nothing') return;
  const held = scan.held[scan.use];
  if (scan.left > 0) held.append(piece);
  else use(scan, held.take(piece), items);
}

function use(scan: Scan, bytes: Buffer, items: unknown[]): void {
  switch (scan.use) {
    case 'magic':
      if (!bytes.equals(MAGIC)) throw new ProtobufError('it does not begin with k8s\\0');
      return;
    case 'type':
      Object.assign(scan.list, decodeMessage(bytes, TYPE_META));
      return;
    case 'metadata':
      scan.list['metadata'] = decodeMessage(bytes, LIST_META);
      return;
    case 'item':
      items.push(decodeMessage(bytes, OBJECTS[scan.resource]));
      return;
    case 'nothing':
  }
}

function takeDigit(scan: Scan, byte: number): void {
  scan.total++;
  scan.value += (byte & 0x7f) * 0x80 ** scan.digits;
  scan.digits++;
  if (byte >= MORE) {
    if (scan.digits === LONGEST_VARINT) throw new ProtobufError(`a varint of more than ${scan.digits} bytes`);
    return;
  }
  const { value } = scan;
  scan.value = 0;
  scan.digits = 0;
  if (scan.tag === 0) takeTag(scan, value);
  else takeLength(scan, value);
}

function takeTag(scan: Scan, tag: number): void {
  const wire = tag & 7;
  if (tag < 8) throw new ProtobufError('field 0');
  if (wire === BYTES || wire === VARINT) scan.tag = tag;
  else expect(scan, 'nothing', fixedLength(tag));
}

/** The field's length, or its value if that is a number. */
function takeLength(scan: Scan, length: number): void {
  const { tag } = scan;
  scan.tag = 0;
  if ((tag & 7) === VARINT) return;
  const number = Math.floor(tag / 8);
  if (scan.listEnd !== null)
    expect(scan, number === 1 ? 'metadata' : number === 2 ? 'item' : 'nothing', length);
  else if (number === 2) scan.listEnd = scan.total + length;
  else expect(scan, number === 1 ? 'type' : 'nothing', length);
}

function expect(scan: Scan, purpose: Use, length: number): void {
  scan.use = purpose;
  scan.left = length;
  if (scan.listEnd !== null && scan.total + length > scan.listEnd) {
    throw new ProtobufError(`a field of ${length} bytes where ${scan.listEnd - scan.total} are left`);
  }
}

function leaveList(scan: Scan): void {
  if (scan.listEnd === null || scan.total < scan.listEnd || scan.left > 0) return;
  if (scan.total > scan.listEnd || scan.digits > 0 || scan.tag > 0) {
    throw new ProtobufError('the list ends within a field');
  }
  scan.listEnd = null;
}

/**
 * Reads a Kubernetes list piece by piece, so that 60 MB of EndpointSlices need neither 60 MB of text in one
 * string nor one long stop of the event loop.
 */
import {
  createPieceBuffer,
  ENVELOPE_LIMIT,
  LIST_LIMIT,
  OBJECT_LIMIT,
  TooLargeError,
  type PieceBuffer,
} from './limits.ts';

export interface ListSplitter {
  /** The items that this chunk completes. Throws a SyntaxError at an item that is not JSON, or a TooLargeError. */
  push(chunk: Buffer): unknown[];
  /** The list without its items. Throws a SyntaxError unless the list is complete. */
  end(): unknown;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACE = 0x7d;
const CLOSE_BRACKET = 0x5d;

const NOTHING = Buffer.alloc(0);

/** The values of `items` are at this depth of the list: `{"items":[` stands before them. */
const ITEM_DEPTH = 2;

interface Scan {
  depth: number;
  inString: boolean;
  escaped: boolean;
  inItems: boolean;
  /** Where the piece being read (an item, or the envelope around them) starts in this chunk; -1 between items. */
  start: number;
  /** Bytes of the last string directly in the list: the name of the member whose value follows. */
  name: number[];
  readonly envelope: PieceBuffer;
  /** The beginning, from earlier chunks, of the item being read. */
  readonly partial: PieceBuffer;
  /** Bytes so far. */
  total: number;
}

export function createListSplitter(limit: number = LIST_LIMIT): ListSplitter {
  const scan: Scan = {
    depth: 0,
    inString: false,
    escaped: false,
    inItems: false,
    start: 0,
    name: [],
    envelope: createPieceBuffer('a list without its items', ENVELOPE_LIMIT),
    partial: createPieceBuffer('a list item', OBJECT_LIMIT),
    total: 0,
  };
  return {
    push(chunk) {
      const items: unknown[] = [];
      scan.total += chunk.length;
      if (scan.total > limit) throw new TooLargeError('a list', limit);
      if (scan.start > 0) scan.start = 0;
      for (let at = 0; at < chunk.length; at++) {
        const byte = chunk[at] ?? 0;
        if (scan.inString) inString(byte, scan);
        else if (byte === QUOTE) startString(scan);
        else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) open(scan, chunk, at);
        else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) close(scan, chunk, at, items);
      }
      if (scan.start >= 0) (scan.inItems ? scan.partial : scan.envelope).append(chunk.subarray(scan.start));
      return items;
    },
    end: () => JSON.parse(scan.envelope.take(NOTHING).toString('utf8')) as unknown,
  };
}

function open(scan: Scan, chunk: Buffer, at: number): void {
  if (scan.inItems && scan.depth === ITEM_DEPTH) scan.start = at;
  if (!scan.inItems && scan.depth === 1 && chunk[at] === OPEN_BRACKET && isItems(scan.name)) {
    scan.inItems = true;
    scan.envelope.append(chunk.subarray(scan.start, at + 1));
    scan.start = -1;
  }
  scan.depth++;
}

function close(scan: Scan, chunk: Buffer, at: number, items: unknown[]): void {
  scan.depth--;
  if (!scan.inItems) return;
  if (scan.depth === ITEM_DEPTH) {
    items.push(takeItem(scan, chunk.subarray(scan.start, at + 1)));
    scan.start = -1;
  } else if (scan.depth < ITEM_DEPTH) {
    scan.inItems = false;
    scan.start = at;
    scan.name = [];
  }
}

function takeItem(scan: Scan, last: Buffer): unknown {
  return JSON.parse(scan.partial.take(last).toString('utf8'));
}

function startString(scan: Scan): void {
  scan.inString = true;
  if (scan.depth === 1) scan.name = [];
}

function inString(byte: number, scan: Scan): void {
  if (scan.escaped) scan.escaped = false;
  else if (byte === BACKSLASH) scan.escaped = true;
  else if (byte === QUOTE) scan.inString = false;
  // One byte more than needed to detect that it is another name.
  else if (scan.depth === 1 && scan.name.length <= ITEMS.length) scan.name.push(byte);
}

const ITEMS = Buffer.from('items');

function isItems(name: readonly number[]): boolean {
  return name.length === ITEMS.length && ITEMS.every((byte, i) => byte === name[i]);
}

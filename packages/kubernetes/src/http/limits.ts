/**
 * Limits on the memory that one answer may use. etcd refuses objects of more than 1.5 MiB unless it is configured
 * otherwise; a watch frame and a list item hold one object each.
 */
export const OBJECT_LIMIT = 16 << 20;
/** A list without its items: kind, version, continue token. */
export const ENVELOPE_LIMIT = 1 << 20;
/** One page of a list after decompression. 150,000 endpoints in slices are about 60 MB of JSON. */
export const LIST_LIMIT = 512 << 20;

/** What is read exceeds its limit. The message names both. */
export class TooLargeError extends Error {
  constructor(what: string, limit: number) {
    super(`${what} is larger than ${limit / (1 << 20)} MiB`);
    this.name = 'TooLargeError';
  }
}

/** Collects the bytes of one value that arrives in pieces. */
export interface PieceBuffer {
  readonly size: number;
  /** Throws a TooLargeError. */
  append(piece: Buffer): void;
  /** All bytes, those of `last` at their end; the buffer is empty afterwards. Throws a TooLargeError. */
  take(last: Buffer): Buffer;
}

const FIRST_SIZE = 4096;

/** One buffer that grows, not a list of pieces: a million pieces of one byte must not become a million objects. */
export function createPieceBuffer(what: string, limit: number): PieceBuffer {
  let held = Buffer.alloc(0);
  let size = 0;
  const check = (more: number): void => {
    if (size + more > limit) throw new TooLargeError(what, limit);
  };
  return {
    get size() {
      return size;
    },
    append(piece) {
      check(piece.length);
      const needed = size + piece.length;
      if (needed > held.length) {
        const grown = Buffer.allocUnsafeSlow(Math.max(needed, held.length * 2, FIRST_SIZE));
        held.copy(grown, 0, 0, size);
        held = grown;
      }
      piece.copy(held, size);
      size = needed;
    },
    take(last) {
      check(last.length);
      if (size === 0) return last;
      const all = Buffer.concat([held.subarray(0, size), last]);
      held = Buffer.alloc(0);
      size = 0;
      return all;
    },
  };
}

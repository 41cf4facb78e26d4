import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createPieceBuffer, TooLargeError } from './limits.ts';
import { createLineSplitter } from './lines.ts';
import { createListSplitter } from './list-splitter.ts';

/** The bytes of a text, cut at arbitrary places, also within characters. */
function cut(text: string, places: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const ends = [...places.map((p) => p % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

const places = fc.array(fc.nat(), { maxLength: 12 });

describe('createLineSplitter', () => {
  it('gives whole lines, wherever the chunks end', () => {
    const lines = fc.array(fc.string({ unit: 'grapheme', minLength: 1 }).map((s) => JSON.stringify(s)));
    fc.assert(
      fc.property(lines, places, (texts, at) => {
        const splitter = createLineSplitter();
        const got = cut(texts.map((text) => `${text}\n`).join(''), at).flatMap((chunk) =>
          splitter.push(chunk),
        );
        expect(got).toEqual(texts);
        expect(splitter.rest).toBe(0);
      }),
    );
  });

  it('keeps what has no end yet, and drops empty lines', () => {
    const splitter = createLineSplitter();
    expect(splitter.push(Buffer.from('\n\n{"a":1}\r\n{"b"'))).toEqual(['{"a":1}']);
    expect(splitter.push(Buffer.from(':2}\n'))).toEqual(['{"b":2}']);
  });
});

describe('createPieceBuffer', () => {
  it('gives the bytes of all pieces in order, again and again', () => {
    const piece = fc.uint8Array({ maxLength: 9_000 });
    fc.assert(
      fc.property(fc.array(fc.array(piece, { minLength: 1, maxLength: 6 }), { maxLength: 4 }), (rounds) => {
        const buffer = createPieceBuffer('it', 1 << 20);
        for (const pieces of rounds) {
          for (const bytes of pieces.slice(0, -1)) buffer.append(Buffer.from(bytes));
          const all = buffer.take(Buffer.from(pieces.at(-1) ?? []));
          expect(all.equals(Buffer.concat(pieces))).toBe(true);
          expect(buffer.size).toBe(0);
        }
      }),
    );
  });

  it('refuses the first byte beyond the limit, at its end too', () => {
    const buffer = createPieceBuffer('a list item', 1 << 20);
    buffer.append(Buffer.alloc(1 << 20));
    const refusal = 'a list item is larger than 1 MiB';
    expect(() => buffer.append(Buffer.alloc(1))).toThrow(refusal);
    expect(() => buffer.take(Buffer.alloc(1))).toThrow(refusal);
    expect(buffer.take(Buffer.alloc(0))).toHaveLength(1 << 20);
  });
});

describe('a splitter of an answer without end', () => {
  const MIB = Buffer.alloc(1 << 20, 'a');
  /** So many MiB are taken before it throws; 1,000: it never does. */
  const taken = (splitter: { push(chunk: Buffer): unknown }, head: string, piece = MIB): number => {
    splitter.push(Buffer.from(head));
    for (let mib = 0; mib < 1_000; mib++) {
      try {
        splitter.push(piece);
      } catch (error) {
        expect(error).toBeInstanceOf(TooLargeError);
        return mib;
      }
    }
    return 1_000;
  };

  it.each([
    ['a watch event', createLineSplitter, '{"type":"', 15],
    ['a list item', createListSplitter, '{"items":[{"a":"', 15],
    ['a list item of braces', createListSplitter, '{"items":[{"a":[', 15],
    ['the envelope of a list', createListSplitter, '{"kind":"', 0],
    ['a name in a list', createListSplitter, '{"', 0],
    ['space between items', () => createListSplitter(9 << 20), '{"items":[ ', 8],
  ] as const)('refuses %s', (what, create, head, limit) => {
    const fill = what.endsWith('braces') ? '{' : what.startsWith('space') ? ' ' : 'a';
    expect(taken(create(), head, Buffer.alloc(1 << 20, fill))).toBe(limit);
  });
});

describe('createListSplitter', () => {
  it('gives what JSON.parse gives, wherever the chunks end and whatever the strings contain', () => {
    const item = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { maxKeys: 4 });
    const items = fc.array(item, { maxLength: 8 });
    const order = fc.constantFrom(['metadata', 'items', 'kind'], ['items', 'kind', 'metadata']);
    fc.assert(
      fc.property(items, order, fc.constantFrom(0, 2), places, (wanted, names, space, at) => {
        const nasty = { resourceVersion: '7', note: '"items":[{}]', items: [1, { items: [] }] };
        const parts: Record<string, unknown> = { metadata: nasty, items: wanted, kind: 'items' };
        const list = Object.fromEntries(names.map((name) => [name, parts[name]]));
        const splitter = createListSplitter();
        const got = cut(JSON.stringify(list, null, space), at).flatMap((chunk) => splitter.push(chunk));
        expect(got).toEqual(JSON.parse(JSON.stringify(wanted)));
        expect(splitter.end()).toEqual({ ...list, items: [] });
      }),
    );
  });

  it('accepts a list of null, as Go writes an empty one', () => {
    const splitter = createListSplitter();
    expect(splitter.push(Buffer.from('{"items":null,"kind":"ServiceList"}'))).toEqual([]);
    expect(splitter.end()).toEqual({ items: null, kind: 'ServiceList' });
  });

  it.each(['{"items":[{"a":1}', '{"items":[{"a":1}]', '', '<html>', '{"items":[{"a":1}]}]'])(
    'does not take %j for a complete list',
    (text) => {
      const splitter = createListSplitter();
      expect(() => {
        splitter.push(Buffer.from(text));
        return splitter.end();
      }).toThrow(SyntaxError);
    },
  );
});

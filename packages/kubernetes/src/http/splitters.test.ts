import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

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

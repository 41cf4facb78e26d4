import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAttributes, readText, readU16BE, readU32, readU8 } from './reader.ts';
import { PayloadWriter } from './writer.ts';

function fill(writer: PayloadWriter, values: readonly number[]): PayloadWriter {
  values.forEach((value, at) => {
    writer.nested(at + 1, () => {
      writer
        .u8(1, value & 0xff)
        .u16(2, value & 0xffff)
        .u16BE(3, value & 0xffff);
      writer
        .u32(4, value)
        .u32BE(5, value)
        .text(6, `n${value}`)
        .bytes(7, Buffer.of(1, 2, 3));
    });
  });
  return writer;
}

describe('PayloadWriter', () => {
  it('writes the same bytes however often its buffer has to grow', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), fc.integer({ min: 1, max: 300 }), (values, size) => {
        const roomy = fill(new PayloadWriter(1 << 16), values).finish();
        expect(fill(new PayloadWriter(size), values).finish().toString('hex')).toBe(roomy.toString('hex'));
      }),
    );
  });

  it('pads values to four bytes and leaves the padding out of their length', () => {
    const bytes = new PayloadWriter().u8(9, 0xab).text(2, 'lo').finish();
    expect(bytes.toString('hex')).toBe('05000900ab000000070002006c6f0000');
  });

  it('marks nested attributes and counts what is in them', () => {
    const bytes = new PayloadWriter().nested(1, (writer) => writer.u16BE(2, 443).u8(3, 6)).finish();
    expect(bytes.toString('hex')).toBe('140001800600020001bb00000500030006000000');
  });

  it('rejects an attribute that is too long for its length field', () => {
    const tooLong = Buffer.alloc(65_532);
    expect(() => new PayloadWriter().bytes(1, tooLong)).toThrow(RangeError);
    expect(() => new PayloadWriter().nested(1, (writer) => writer.bytes(2, tooLong.subarray(4)))).toThrow(
      RangeError,
    );
  });
});

describe('text', () => {
  it('reads back as it was written, or is refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (value) => {
        const write = (): Buffer => new PayloadWriter().text(3, value).u8(4, 9).finish();
        if (value.includes('\0')) {
          expect(write).toThrow(RangeError);
          return;
        }
        const attributes = readAttributes(write());
        expect(readU8(attributes, 4)).toBe(9);
        expect(readText(attributes, 3)).toBe(Buffer.from(value).toString());
      }),
    );
    expect(() => new PayloadWriter().text(3, 'x'.repeat(65_532))).toThrow(RangeError);
    expect(() => new PayloadWriter().text(3, 'a\0b')).toThrow('contains NUL');
  });
});

describe('readAttributes', () => {
  const attributes = readAttributes(
    new PayloadWriter().u8(1, 200).u32(2, 0xfffffffe).u16BE(3, 65535).text(4, 'rr').finish(),
  );

  it('reads what the writer wrote', () => {
    expect(readU8(attributes, 1)).toBe(200);
    expect(readU32(attributes, 2)).toBe(0xfffffffe);
    expect(readU16BE(attributes, 3)).toBe(65535);
    expect(readText(attributes, 4)).toBe('rr');
  });

  it('gives nothing for an attribute that is absent or too short', () => {
    expect(readU8(attributes, 9)).toBeUndefined();
    expect(readU32(attributes, 1)).toBeUndefined();
    expect(readU32(attributes, 3)).toBeUndefined();
  });

  it('stops, and does not throw, at any damage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        expect(() => readAttributes(Buffer.from(noise))).not.toThrow();
      }),
    );
  });
});

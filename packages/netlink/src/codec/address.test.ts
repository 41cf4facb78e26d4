import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, addressText } from './address.ts';

describe('addressBytes', () => {
  it.each([
    ['10.96.0.1', '0a600001'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['fd00::', 'fd000000000000000000000000000000'],
    ['fd00:10:96::a', 'fd00001000960000000000000000000a'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
  ])('writes %s as %s', (text, hex) => {
    expect(addressBytes(text).toString('hex')).toBe(hex);
  });

  it.each([
    '',
    '10.1',
    '010.0.0.1',
    '10.0.0.256',
    '10.0.0.1.',
    '10..0.1',
    '1.2.3.4.5',
    'fe80::1%eth0',
    'fd00:::1',
  ])('refuses %j', (text) => {
    expect(() => addressBytes(text)).toThrow(RangeError);
  });
});

describe('addressText', () => {
  it.each([
    ['0a600001', '10.96.0.1'],
    ['00000000000000000000000000000000', '::'],
    ['fd000000000000000000000000000000', 'fd00::'],
    ['00010000000000000001000000000001', '1::1:0:0:1'],
    ['00010000000200030004000500060007', '1:0:2:3:4:5:6:7'],
    ['00000000000000000000ffff0a000001', '::ffff:10.0.0.1'],
  ])('writes %s as %s', (hex, text) => {
    expect(addressText(Buffer.from(hex, 'hex'))).toBe(text);
  });

  it('has no text for another number of bytes', () => {
    expect(addressText(Buffer.alloc(5))).toBeUndefined();
    expect(addressText(undefined)).toBeUndefined();
  });

  it('gives back what addressBytes took', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const bytes = Buffer.alloc(16);
        groups.forEach((value, at) => bytes.writeUInt16BE(value, at * 2));
        const text = addressText(bytes) ?? '';
        expect(addressBytes(text), text).toEqual(bytes);
      }),
    );
  });
});

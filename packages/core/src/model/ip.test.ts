import { isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressBytes, canonicalAddress, formatAddress, formatAddressPort, parseAddress } from './ip.ts';

const CANONICAL: readonly (readonly [text: string, canonical: string | null])[] = [
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['10.0.0.1', '10.0.0.1'],
  // Leading zeros mean octal to some programs and decimal to others.
  ['010.0.0.1', null],
  ['10.0.0.01', null],
  ['10.0.0.00', null],
  ['10.1', null],
  ['10.0.0.256', null],
  ['10.0.0.1.', null],
  ['.10.0.0.1', null],
  ['10.0.0.1 ', null],
  ['10.0..1', null],
  ['1.2.3.4.5', null],
  ['', null],
  ['localhost', null],
  ['::', '::'],
  ['::1', '::1'],
  ['FD00::A', 'fd00::a'],
  ['fd00:0:0:0:0:0:0:5', 'fd00::5'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['1::2::3', null],
  ['1:2:3:4:5:6:7', null],
  ['1:2:3:4:5:6:7:8:9', null],
  ['::1:2:3:4:5:6:7:8', null],
  ['12345::', null],
  ['fe80::1%eth0', null],
  ['::192.0.2.01', null],
  ['192.0.2.1::', null],
  [':1', null],
  ['1:', null],
  [':::', null],
];

describe('canonicalAddress', () => {
  for (const [text, canonical] of CANONICAL) {
    it(`F135: reads ${JSON.stringify(text)} as ${canonical}`, () => {
      expect(canonicalAddress(text)).toBe(canonical);
      const parsed = parseAddress(text);
      expect(parsed === null ? null : formatAddress(parsed)).toBe(canonical);
    });
  }

  it('accepts exactly the addresses that the platform accepts', () => {
    const piece = fc.constantFrom('0', '1', '01', '255', '256', 'f', 'ffff', '10000', '.', ':', '::', '%');
    const almost = fc.array(piece, { maxLength: 16 }).map((pieces) => pieces.join(''));
    const text = fc.oneof(fc.ipV4(), fc.ipV6(), almost);
    fc.assert(
      fc.property(text, (candidate) => {
        const expected = candidate.includes('%') ? 0 : isIP(candidate);
        expect(canonicalAddress(candidate) !== null, candidate).toBe(expected !== 0);
      }),
      { numRuns: 1000 },
    );
  });

  it('spells an address like the URL standard does', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = canonicalAddress(text) ?? '';
        if (!canonical.includes(':')) return;
        expect(`[${canonical}]`, text).toBe(new URL(`http://[${text}]/`).hostname);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('addressBytes', () => {
  it('is network byte order', () => {
    expect([...(addressBytes('192.0.2.1') ?? [])]).toEqual([192, 0, 2, 1]);
    expect([...(addressBytes('2001:db8::1') ?? [])]).toEqual([
      0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ]);
    expect(addressBytes('nonsense')).toBeNull();
  });
});

describe('formatAddressPort', () => {
  it('puts IPv6 into brackets', () => {
    expect(formatAddressPort('10.0.0.1', 80)).toBe('10.0.0.1:80');
    expect(formatAddressPort('fd00::5', 80)).toBe('[fd00::5]:80');
  });
});

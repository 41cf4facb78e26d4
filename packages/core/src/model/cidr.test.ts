import { BlockList } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, cidrsOverlap, isLinkLocalIPv6, isLoopback, parseCidr, type Cidr } from './cidr.ts';

const PARSED: readonly (readonly [text: string, canonical: string | null])[] = [
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['10.1.2.3/8', '10.0.0.0/8'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['192.0.2.1/32', '192.0.2.1/32'],
  ['FD00::1/56', 'fd00::/56'],
  ['::/0', '::/0'],
  ['10.0.0.0', null],
  ['10.0.0.0/', null],
  ['10.0.0.0/33', null],
  ['10.0.0.0/08', null],
  ['10.0.0.0/-1', null],
  ['fd00::/129', null],
  ['::ffff:10.0.0.0/104', null],
  ['010.0.0.0/8', null],
];

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === null) throw new Error(`no CIDR: ${text}`);
  return parsed;
}

describe('parseCidr', () => {
  for (const [text, canonical] of PARSED) {
    it(`reads ${text} as ${canonical}`, () => {
      expect(parseCidr(text)?.text ?? null).toBe(canonical);
    });
  }
});

describe('cidrContains', () => {
  it('agrees with the platform, IPv4', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.nat(32), (net, address, length) => {
        const list = new BlockList();
        list.addSubnet(net, length, 'ipv4');
        expect(cidrContains(cidr(`${net}/${length}`), address)).toBe(list.check(address, 'ipv4'));
      }),
      { numRuns: 1000 },
    );
  });

  it('does not mix families', () => {
    expect(cidrContains(cidr('0.0.0.0/0'), '::1')).toBe(false);
    expect(cidrContains(cidr('::/0'), '10.0.0.1')).toBe(false);
    expect(cidrContains(cidr('2001:db8::/32'), '2001:db8:ffff::1')).toBe(true);
    expect(cidrContains(cidr('2001:db8::/32'), '2001:db9::1')).toBe(false);
    expect(cidrContains(cidr('10.0.0.0/8'), 'nonsense')).toBe(false);
  });
});

describe('cidrsOverlap', () => {
  it('holds exactly if one contains the base of the other', () => {
    expect(cidrsOverlap(cidr('10.0.0.0/8'), cidr('10.1.0.0/16'))).toBe(true);
    expect(cidrsOverlap(cidr('10.1.0.0/16'), cidr('10.0.0.0/8'))).toBe(true);
    expect(cidrsOverlap(cidr('10.0.0.0/16'), cidr('10.1.0.0/16'))).toBe(false);
    expect(cidrsOverlap(cidr('0.0.0.0/0'), cidr('::/0'))).toBe(false);
  });
});

describe('special ranges', () => {
  it('S41: loopback and link-local addresses are recognised', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', '128.0.0.1', '::2'].map(isLoopback)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(['fe80::1', 'febf::1', 'fec0::1', '169.254.0.1'].map(isLinkLocalIPv6)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

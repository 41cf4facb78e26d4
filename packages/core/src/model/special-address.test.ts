import { BlockList } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAddress, familyOf } from './ip.ts';
import { refusalOf, specialAddress, type SpecialAddress } from './special-address.ts';

const RANGES: Readonly<Record<SpecialAddress, readonly (readonly [network: string, length: number])[]>> = {
  unspecified: [
    ['0.0.0.0', 32],
    ['::', 128],
  ],
  loopback: [
    ['127.0.0.0', 8],
    ['::1', 128],
  ],
  broadcast: [['255.255.255.255', 32]],
  multicast: [
    ['224.0.0.0', 4],
    ['ff00::', 8],
  ],
  'link-local': [
    ['169.254.0.0', 16],
    ['fe80::', 10],
  ],
};

const kind = (address: string): 'ipv4' | 'ipv6' => (familyOf(address) === 'IPv4' ? 'ipv4' : 'ipv6');

const LISTS: readonly (readonly [special: string, list: BlockList])[] = Object.entries(RANGES).map(
  ([special, ranges]) => {
    const list = new BlockList();
    for (const [network, length] of ranges) list.addSubnet(network, length, kind(network));
    return [special, list];
  },
);

function expected(address: string): string | null {
  return LISTS.find(([, list]) => list.check(address, kind(address)))?.[0] ?? null;
}

/** The first and last addresses of each range and their neighbours, among those that are random. */
const EDGES: readonly string[] = `
  0.0.0.0 0.0.0.1 126.255.255.255 127.0.0.0 127.255.255.255 128.0.0.0 169.253.255.255 169.254.0.0
  169.254.255.255 169.255.0.0 223.255.255.255 224.0.0.0 229.1.1.1 230.0.0.1 239.255.255.255 240.0.0.0
  255.255.255.254 255.255.255.255 22.4.0.0 2.4.0.0 12.7.0.0 :: ::1 ::2 1:: fe7f::1 fe80::1 febf:ffff::
  fec0::1 fe8::1 fe80:1:: feff::1 ff00:: ff02::1 ffff::1 ff::1 fff::1 127:1:: 224:1:: 169:254::1`
  .trim()
  .split(/\s+/);

describe('special addresses', () => {
  it('F135: are those of the ranges that the standards reserve', () => {
    const any = fc.oneof(fc.constantFrom(...EDGES), fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(any, (text) => {
        const address = canonicalAddress(text) ?? '';
        expect([address, specialAddress(address)]).toEqual([address, expected(address)]);
      }),
      { numRuns: 3000, examples: EDGES.map((edge) => [edge]) },
    );
  });

  it('F135: are refused in each use, but link-local ones only as endpoint and external IP', () => {
    const uses = ['cluster-ip', 'external-ip', 'load-balancer-ip', 'endpoint'] as const;
    for (const address of ['0.0.0.0', '::', '127.0.0.1', '::1', '224.0.0.1', 'ff02::1', '255.255.255.255']) {
      expect(uses.map((use) => refusalOf(address, use))).not.toContain(null);
    }
    for (const address of ['169.254.1.1', 'fe80::1']) {
      const reason = 'must not be a link-local address';
      expect(uses.map((use) => refusalOf(address, use))).toEqual([null, reason, null, reason]);
    }
    for (const address of ['10.0.0.1', '2001:db8::1']) {
      expect(uses.map((use) => refusalOf(address, use))).toEqual([null, null, null, null]);
    }
  });
});

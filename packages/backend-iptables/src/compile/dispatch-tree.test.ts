import { formatAddress, type Family } from '@signalbox/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Chain, encodeChain, jump, type Rule, rule } from '@signalbox/iptables';
import { type Branch, traverse } from '@signalbox/iptables/testing';
import { addressKey, portKey, prefixQuestion } from './dispatch-key.ts';
import {
  createDispatchTree,
  INLINE_SIZE,
  LEAF_SIZE,
  type DispatchTree,
  type TreeUpdate,
} from './dispatch-tree.ts';
import { toFrontend } from './frontend-match.ts';

interface Place {
  readonly address: string;
  readonly port: number;
}

function treeOf(family: Family): DispatchTree {
  return createDispatchTree({ table: 'nat', root: 'KUBE-SERVICES', by: 'address', family });
}

const ownerOf = ({ address, port }: Place): string => `${address} ${port}`;

function put(tree: DispatchTree, place: Place): void {
  const to = toFrontend(place.address, 'TCP', place.port, 'x');
  tree.set(ownerOf(place), [
    { key: addressKey(place.address, 'TCP', place.port), rules: [rule(to, jump(`to ${ownerOf(place)}`))] },
  ]);
}

function apply(held: Map<string, Chain>, { chains, removed }: TreeUpdate): Map<string, Chain> {
  for (const { chain } of chains) held.set(chain.name, chain);
  for (const name of removed) held.delete(name);
  return held;
}

function textOf(held: ReadonlyMap<string, Chain>): Record<string, readonly string[]> {
  return Object.fromEntries([...held].map(([name, chain]) => [name, encodeChain(chain, 'IPv4').rules]));
}

/** Follows a packet to the end of the tree; counts the rules that it meets. */
function walk(
  held: ReadonlyMap<string, Chain>,
  place: Place,
): { readonly ends: readonly Branch[]; met: number } {
  const count = { met: 0 };
  const chain = (name: string): readonly Rule[] | undefined => {
    // The last chain stands for the service's own chain.
    if (name.startsWith('to ')) return [rule([], { kind: 'dnat', address: name.slice(3), port: 1 })];
    return held.get(name)?.rules.map((each) => counted(each, count));
  };
  const world = { addresses: [], recent: new Map(), now: () => 0, remember: false };
  const packet = {
    source: '1.1.1.1',
    destination: place.address,
    protocol: 'tcp',
    sourcePort: 1,
    destinationPort: place.port,
    inInterface: 'eth0',
    outInterface: null,
    mark: 0,
    translated: false,
    masqueraded: false,
  };
  return {
    ends: traverse({ rules: { chain }, world, chance: 'both' }, 'KUBE-SERVICES', packet),
    met: count.met,
  };
}

function counted(each: Rule, count: { met: number }): Rule {
  if (each.kind === 'opaque') return each;
  return {
    ...each,
    get matches() {
      count.met++;
      return each.matches;
    },
  };
}

const octets = fc.tuple(fc.constantFrom(10, 203, 1), fc.constantFrom(96, 97), fc.nat(3), fc.nat(255));
const anyPlace: fc.Arbitrary<Place> = fc
  .tuple(octets, fc.constantFrom(80, 443, 8080))
  .map(([bytes, port]) => ({ address: bytes.join('.'), port }));

describe('createDispatchTree', () => {
  it('has the same chains after any sequence of changes as a tree built at once', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.array(anyPlace, { maxLength: 80 })), { maxLength: 6 });
    fc.assert(
      fc.property(steps, (history) => {
        const tree = treeOf('IPv4');
        const held = new Map<string, Chain>();
        const present = new Map<string, Place>();
        for (const [add, places] of history) {
          for (const place of places) {
            if (add) put(tree, place);
            else tree.set(ownerOf(place), []);
            if (add) present.set(ownerOf(place), place);
            else present.delete(ownerOf(place));
          }
          apply(held, tree.update());
        }
        const fresh = treeOf('IPv4');
        for (const place of present.values()) put(fresh, place);
        const expected = apply(new Map(), fresh.rebuild());
        expect(textOf(apply(held, tree.update()))).toEqual(textOf(expected));
      }),
      { numRuns: 60 },
    );
  });

  it('leads every packet to its service, and packets of no service nowhere', () => {
    fc.assert(
      fc.property(fc.array(anyPlace, { minLength: 1, maxLength: 300 }), anyPlace, (places, stranger) => {
        const tree = treeOf('IPv4');
        for (const place of places) put(tree, place);
        const held = apply(new Map(), tree.rebuild());
        for (const place of places) {
          expect(walk(held, place).ends.map((end) => end.packet.destination)).toEqual([ownerOf(place)]);
        }
        const known = places.some((place) => ownerOf(place) === ownerOf(stranger));
        expect(walk(held, stranger).ends.map((end) => end.verdict)).toEqual([known ? 'accept' : 'return']);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['dense: 10,000 services in a /16', 10_000, (at: number) => `10.96.${at >> 8}.${at & 255}`],
    [
      'spread: 5,000 in a /12',
      5_000,
      (at: number) => `10.${96 + ((at * 7) % 16)}.${(at * 31) & 255}.${(at * 97) & 255}`,
    ],
  ])('makes a packet traverse few rules (%s)', (_, count, address) => {
    const tree = treeOf('IPv4');
    for (let at = 0; at < count; at++) put(tree, { address: address(at), port: 80 });
    const held = apply(new Map(), tree.rebuild());
    const longest = Math.max(...[...held.values()].map((chain) => chain.rules.length));
    expect(longest).toBeLessThanOrEqual(Math.max(LEAF_SIZE, 16 * INLINE_SIZE));
    const met = [0, 1, count >> 1, count - 1].map((at) => walk(held, { address: address(at), port: 80 }).met);
    expect(Math.max(...met)).toBeLessThanOrEqual(100);
  });

  it('rewrites a few small chains when one of 10,000 services is added or removed', () => {
    const tree = treeOf('IPv4');
    for (let at = 0; at < 10_000; at++) put(tree, { address: `10.96.${at >> 8}.${at & 255}`, port: 80 });
    const before = textOf(apply(new Map(), tree.rebuild()));
    for (const change of [
      (): void => put(tree, { address: '10.96.200.200', port: 80 }),
      (): void => tree.set('10.96.3.7 80', []),
      (): void => put(tree, { address: '203.0.113.9', port: 443 }),
    ]) {
      change();
      const update = tree.update();
      const changed = update.chains.filter(
        ({ chain }) =>
          JSON.stringify(before[chain.name]) !== JSON.stringify(encodeChain(chain, 'IPv4').rules),
      );
      expect(changed.length + update.removed.length).toBeLessThanOrEqual(18);
      const rules = changed.reduce((sum, { chain }) => sum + chain.rules.length, 0);
      expect(rules).toBeLessThanOrEqual(100);
    }
  });

  it('lists deeper chains first, so that the target of every jump exists', () => {
    const tree = treeOf('IPv4');
    for (let at = 0; at < 3000; at++) put(tree, { address: `10.96.${at >> 8}.${at & 255}`, port: 80 });
    const written = new Set<string>();
    for (const { chain } of tree.rebuild().chains) {
      for (const each of chain.rules) {
        if (each.kind === 'opaque' || (each.target.kind !== 'goto' && each.target.kind !== 'jump')) continue;
        const { chain: target } = each.target;
        if (target.startsWith('KUBE-')) expect(written.has(target), `${chain.name} → ${target}`).toBe(true);
      }
      written.add(chain.name);
    }
    expect([...written].at(-1)).toBe('KUBE-SERVICES');
  });

  it('separates many ports of one address by ranges of ports', () => {
    const tree = treeOf('IPv4');
    for (let port = 1; port <= 2000; port++) put(tree, { address: '203.0.113.9', port });
    const held = apply(new Map(), tree.rebuild());
    expect(walk(held, { address: '203.0.113.9', port: 1777 }).ends[0]?.packet.destination).toBe(
      '203.0.113.9 1777',
    );
    expect(walk(held, { address: '203.0.113.9', port: 1777 }).met).toBeLessThanOrEqual(100);
  });

  it('sorts two owners of one address and port by name', () => {
    const tree = treeOf('IPv4');
    const to = toFrontend('10.96.0.1', 'TCP', 80, 'x');
    const key = addressKey('10.96.0.1', 'TCP', 80);
    tree.set('b', [{ key, rules: [rule(to, jump('to b'))] }]);
    tree.set('a', [{ key, rules: [rule(to, jump('to a'))] }]);
    const held = apply(new Map(), tree.rebuild());
    expect(walk(held, { address: '10.96.0.1', port: 80 }).ends[0]?.packet.destination).toBe('a');
  });

  it('works with sparse IPv6 addresses', () => {
    const tree = treeOf('IPv6');
    const places = Array.from({ length: 500 }, (_, at) => {
      const value = (0xfd00n << 112n) + BigInt(at) * 0x123456789abcdef123n;
      return { address: formatAddress({ family: 'IPv6', value }), port: 443 };
    });
    for (const place of places) put(tree, place);
    const held = apply(new Map(), tree.rebuild());
    for (const place of places.slice(0, 50)) {
      expect(walk(held, place).ends[0]?.packet.destination).toBe(ownerOf(place));
    }
  });
});

describe('prefixQuestion', () => {
  it.each([
    ['0a60', 'address', 'IPv4', '10.96.0.0/16'],
    ['0a600001', 'address', 'IPv4', '10.96.0.1/32'],
    ['0a6000011', 'address', 'IPv4', '10.96.0.1/32 tcp'],
    ['0a600001200', 'address', 'IPv4', '10.96.0.1/32 udp 0-255'],
    ['fd0000100096', 'address', 'IPv6', 'fd00:10:96::/48'],
    ['3', 'port', 'IPv4', 'sctp'],
    ['175', 'port', 'IPv6', 'tcp 29952-30207'],
  ] as const)('describes in words which packets prefix %s matches', (prefix, by, family, words) => {
    expect(prefixQuestion(prefix, by, family).words).toBe(words);
  });

  it('matches keys as they are encoded', () => {
    expect(addressKey('10.96.0.1', 'TCP', 80)).toBe('0a60000110050');
    expect(addressKey('fd00:10:96::a', 'UDP', 53)).toBe(`fd0000100096${'0'.repeat(19)}a20035`);
    expect(portKey('SCTP', 30000)).toBe('37530');
  });
});

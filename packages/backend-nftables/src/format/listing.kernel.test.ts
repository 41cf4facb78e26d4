/** What `format/` prints is what nft lists; and nft loads it, and its own listing, again. */
import { execFileSync } from 'node:child_process';
import {
  sampleNode,
  sampleServicePort,
  type SampleServicePort,
  sampleStateOf,
} from '@signalbox/backend-kit/testing';
import {
  type Backend,
  type DesiredChange,
  type DesiredNode,
  FAMILIES,
  type Family,
  fullChange,
  type Protocol,
} from '@signalbox/core';
import { loadScenarios, type Scenario, scenarioModel, SCENARIOS_ROOT } from '@signalbox/testkit';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nftFamily } from '../encode/rule-expressions.ts';
import type { NftablesOptions } from '../options.ts';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import { createFakeNftables, type FakeNftables } from '../testing/fake-nftables.ts';
import { type Blocks, listingBlocks } from '../testing/nft-listing.ts';
import { backendOptions } from '../testing/scenario-backend.ts';
import { formatTable } from './table-text.ts';

const nft = (...args: readonly string[]): string =>
  execFileSync('nft', args, { encoding: 'utf8', maxBuffer: 64 << 20 });
const load = (ruleset: string): string =>
  execFileSync('nft', ['-f', '-'], { input: ruleset, encoding: 'utf8' });

beforeEach(() => void nft('flush', 'ruleset'));
afterAll(() => void nft('flush', 'ruleset'));

/** The same changes to the kernel and to its fake: the fake has the rules as typed data, for `formatTable`. */
interface Pair {
  readonly family: Family;
  readonly fake: FakeNftables;
  readonly backends: readonly Backend[];
}

const opened: Backend[] = [];
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close();
});

function createPair(family: Family, options: Partial<NftablesOptions>): Pair {
  const fake = createFakeNftables({ family });
  const real = createNftablesBackend({ family, ...options });
  opened.push(real);
  return {
    family,
    fake,
    backends: [real, createNftablesBackend({ family, driver: fake.driver, ...options })],
  };
}

async function syncBoth({ backends }: Pair, change: DesiredChange): Promise<void> {
  for (const backend of backends) {
    const result = await backend.sync(change);
    expect(result.outcome, JSON.stringify(result.error ?? result.failures)).toBe('ok');
  }
}

function textOf({ fake, family }: Pair): string {
  const sets = [...(fake.table?.sets.values() ?? [])];
  const chains = [...(fake.table?.chains.values() ?? [])].map(({ chain }) => chain);
  return formatTable({ sets, chains }, family);
}

function expectSame(listed: Blocks, formatted: Blocks): void {
  expect([...listed.keys()].toSorted()).toEqual([...formatted.keys()].toSorted());
  for (const [head, lines] of formatted) expect(listed.get(head), head).toEqual(lines);
}

function listTable(family: Family): string {
  return nft('list', 'table', nftFamily(family), 'kube-proxy');
}

function expectListed(pairs: readonly Pair[]): void {
  for (const pair of pairs) {
    const listed = listTable(pair.family);
    expect(listed).toContain('\tcomment "Signalbox"\n');
    expectSame(listingBlocks(listed), listingBlocks(textOf(pair)));
  }
}

/** The listing of the kernel's tables, and what `format/` makes of them, as files that nft loads. */
function expectLoadsAgain(pairs: readonly Pair[]): void {
  const before = pairs.map(({ family }) => listingBlocks(listTable(family)));
  for (const ruleset of [nft('list', 'ruleset'), pairs.map(textOf).join('\n')]) {
    nft('flush', 'ruleset');
    load(ruleset);
    pairs.forEach(({ family }, index) =>
      expectSame(listingBlocks(listTable(family)), before[index] ?? new Map()),
    );
  }
}

async function play(scenario: Scenario): Promise<readonly Pair[]> {
  const model = scenarioModel(scenario);
  const options = backendOptions(scenario.backend['nftables'] ?? {});
  const pairs = FAMILIES.map((family) => createPair(family, options));
  for (const { events } of scenario.steps) {
    for (const event of events) model.apply(event);
    for (const pair of pairs) await syncBoth(pair, model.build(pair.family).change);
  }
  return pairs;
}

describe('the table of each scenario', () => {
  for (const scenario of loadScenarios(SCENARIOS_ROOT, '')) {
    it.skipIf(scenario.unsupported['nftables'] !== undefined)(
      `${scenario.id} is listed by nft as it is formatted, and the listing loads again`,
      async () => {
        const pairs = await play(scenario);
        expectListed(pairs);
        expectLoadsAgain(pairs);
      },
    );
  }
});

// --- Random services

const RANGES = {
  IPv4: ['192.0.2.0/24', '198.51.100.7/32', '203.0.113.128/25', '10.0.0.0/7', '192.0.2.64/26'],
  IPv6: ['2001:db8::/32', '2001:db8:5::7/128', 'fd00::/9', '2001:db8:1::/48', 'fe80::/10'],
} as const;

function shapes(family: Family): fc.Arbitrary<SampleServicePort> {
  return fc.record(
    {
      protocol: fc.constantFrom<Protocol>('TCP', 'UDP', 'SCTP'),
      endpoints: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 10, max: 70 })),
      exposed: fc.constantFrom('cluster', 'local'),
      sourceRanges: fc.subarray([...RANGES[family]], { minLength: 1 }),
      affinitySeconds: fc.integer({ min: 1, max: 86_400 }),
    },
    { requiredKeys: ['endpoints'] },
  );
}

function nodes(family: Family): fc.Arbitrary<DesiredNode> {
  const node = sampleNode(family);
  const [wide = '', , odd = ''] = RANGES[family];
  return fc.record({
    name: fc.constant(node.name),
    localDetector: fc.constantFrom<DesiredNode['localDetector']>(
      { kind: 'none' },
      { kind: 'cidrs', cidrs: [wide] },
      { kind: 'cidrs', cidrs: [odd, wide] },
      { kind: 'interface', name: 'cni0' },
      { kind: 'interface-prefix', prefix: 'veth' },
      // As long as a name can be.
      { kind: 'interface-prefix', prefix: 'an-interface-00' },
    ),
    clusterIPMasquerade: fc.constantFrom('none', 'all', 'not-local-pods'),
    nodePortAddresses: fc.constantFrom<DesiredNode['nodePortAddresses']>(
      { kind: 'any-local', loopback: false },
      { kind: 'any-local', loopback: true },
      { kind: 'ranges', cidrs: [wide], loopback: false },
      { kind: 'ranges', cidrs: [], loopback: false },
    ),
    nodePortIPs: fc.constant(node.nodePortIPs),
    serviceCIDRs: fc.subarray([...RANGES[family]]),
  });
}

function statesOf(family: Family) {
  return fc.record({
    node: nodes(family),
    services: fc.array(shapes(family), { maxLength: 6 }),
    masqueradeBit: fc.integer({ min: 0, max: 31 }),
  });
}

describe.each(FAMILIES)('the table of random services, %s', (family) => {
  it('is listed as it was desired, by observation and by nft', async () => {
    await fc.assert(
      fc.asyncProperty(statesOf(family), async ({ node, services, masqueradeBit }) => {
        nft('flush', 'ruleset');
        const pair = createPair(family, { masqueradeBit });
        const ports = services.map((shape, index) => sampleServicePort(family, { ...shape, index }));
        await syncBoth(pair, fullChange({ ...sampleStateOf(family, ports), node }));
        for (const backend of pair.backends)
          expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
        expectListed([pair]);
        expectLoadsAgain([pair]);
        for (const backend of pair.backends) await backend.close();
      }),
      { numRuns: 12 },
    );
  });
});

/** What another process may do to the table, in forms that only the kernel has; each is found and repaired. */
import { execFileSync } from 'node:child_process';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { type Drift, FAMILIES, type Family, fullChange } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { nftFamily } from '../encode/rule-expressions.ts';
import { createNftablesBackend } from '../sync/nftables-backend.ts';

const nft = (...words: readonly string[]): string =>
  execFileSync('nft', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

beforeEach(() => void nft('flush', 'ruleset'));
afterAll(() => void nft('flush', 'ruleset'));

function listing(family: Family): string {
  return nft('list', 'table', nftFamily(family), 'kube-proxy');
}

/** In an order that does not depend on when each was made. */
function objects(family: Family): readonly string[] {
  const parts = listing(family).split(/^\t(?=set |map |chain )/m);
  return parts.map((part) => part.replace(/\s+}?\s*}\s*$/, '')).toSorted();
}

async function repairs(family: Family, damage: (table: string) => void): Promise<readonly Drift[]> {
  const clock = createManualClock();
  const backend = createNftablesBackend({ family, clock });
  const state = sampleStateOf(family, [sampleServicePort(family, { endpoints: 3, exposed: 'cluster' })]);
  expect(await backend.sync(fullChange(state))).toMatchObject({ outcome: 'ok' });
  const before = objects(family);
  const reported = new Promise<void>((resolve) => {
    backend.watch?.(() => resolve());
  });
  damage(`${nftFamily(family)} kube-proxy`);
  expect(objects(family)).not.toEqual(before);
  clock.advance(250);
  await reported;
  const { outcome, repaired } = await backend.sync({
    ...fullChange(state),
    kind: 'incremental',
    nodeChanged: false,
    servicePorts: { added: [], changed: [], removed: [] },
    healthChecks: { added: [], changed: [], removed: [] },
  });
  expect(outcome).toBe('ok');
  expect(objects(family)).toEqual(before);
  await backend.close();
  return repaired;
}

describe.each(FAMILIES)('drift in the kernel, %s', (family) => {
  it('finds that the table is dormant, and wakes it', async () => {
    const repaired = await repairs(family, (table) => nft(`add table ${table} { flags dormant; }`));
    expect(repaired).toEqual([{ kind: 'altered', type: 'table', name: 'kube-proxy' }]);
  });

  it('finds a rule that was replaced in its place, and writes its chain anew', async () => {
    const repaired = await repairs(family, (table) => {
      const [, handle = ''] =
        /@service-ips # handle (\d+)/.exec(nft('-a', 'list', 'chain', ...table.split(' '), 'services')) ?? [];
      nft(`replace rule ${table} services handle ${handle} drop`);
    });
    expect(repaired).toEqual([{ kind: 'altered', type: 'chain', name: 'services' }]);
  });

  it('finds a base chain that became one to which others jump, and builds the table anew', async () => {
    const repaired = await repairs(family, (table) =>
      nft(`flush chain ${table} filter-input; delete chain ${table} filter-input; add chain ${table} filter-input;
        add chain ${table} theirs; add rule ${table} theirs jump filter-input`),
    );
    expect(repaired).toContainEqual({ kind: 'altered', type: 'chain', name: 'filter-input' });
    expect(repaired).toContainEqual({ kind: 'stale', type: 'chain', name: 'theirs' });
  });

  it('finds a set that was made anew in a form whose listing cannot be loaded', async () => {
    const address = family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
    const repaired = await repairs(family, (table) =>
      nft(`flush chain ${table} firewall/ranges; delete set ${table} source-ranges;
        add set ${table} source-ranges { type ${address} . inet_proto . inet_service . ${address}; flags interval; }`),
    );
    expect(repaired).toContainEqual({ kind: 'altered', type: 'set', name: 'source-ranges' });
    const text = listing(family);
    nft('flush', 'ruleset');
    execFileSync('nft', ['-f', '-'], { input: text });
  });
});

import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { type Backend, fullChange, type Inspection } from '@signalbox/core';
import type { Variant } from '@signalbox/iptables';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { describe, expect, it } from 'vitest';
import { createIptablesBackend } from './iptables-backend.ts';

const WEB = sampleServicePort('IPv4', { index: 1, name: 'web', endpoints: 2, exposed: 'local' });
const OTHERS = Array.from({ length: 99 }, (_, at) =>
  sampleServicePort('IPv4', { index: at + 2, endpoints: 11 }),
);

async function synced(variant: Variant = 'nft', services = [WEB]) {
  const faults = { on: false };
  const fake = createFakeIptables({
    family: 'IPv4',
    variant,
    faults: (operation) => faults.on && operation === 'iptables-save',
  });
  const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
  await backend.sync(fullChange(sampleStateOf('IPv4', services)));
  return { fake, backend, faults };
}

async function inspected(backend: Backend, key = WEB.key) {
  const found = (await backend.inspect?.([key])) as Extract<Inspection, { outcome: 'ok' }>;
  return found.servicePorts.get(key);
}

async function difference(backend: Backend): Promise<readonly string[]> {
  const found = await backend.difference?.();
  return found?.outcome === 'ok' ? found.lines : ['failed'];
}

describe('an inspection of the rules', () => {
  it('names the chains of the service port and the rules that lead to them', async () => {
    const { backend } = await synced();
    const objects = (await inspected(backend))?.objects ?? [];
    const names = objects.map(({ type, within, name }) => `${type} ${within}: ${name}`);
    expect(names.filter((name) => /^chain nat: KUBE-(SVC|SVL|EXT|SEP)-/.test(name))).toHaveLength(5);
    expect(names).toContainEqual(
      expect.stringMatching(/^rule nat KUBE-SERVICES: -d 10\.96\.0\.1\/32 .* -j KUBE-SVC-/),
    );
    expect(names).toContainEqual(expect.stringMatching(/^rule nat KUBE-NODEPORTS: .* -j KUBE-EXT-/));
  });

  it('finds the rule in the branch of a large dispatch tree that has it', async () => {
    const { fake, backend } = await synced('nft', [WEB, ...OTHERS]);
    for (const { state, within = '', name } of (await inspected(backend))?.objects ?? []) {
      expect(state).toBe('held');
      const [table = '', chain] = within.split(' ');
      if (chain !== undefined) expect(fake.dump(table as 'nat')).toContain(`-A ${chain} ${name}`);
    }
  });

  it.each(['nft', 'legacy'] as const)('counts the connections of %s to each endpoint', async (variant) => {
    const { fake, backend } = await synced(variant, [WEB, ...OTHERS]);
    const [one, other] = WEB.clusterEndpoints;
    const rules = fake.dump('nat').split('\n');
    for (const rule of rules) {
      const isOfWeb = rule.startsWith('-A ') && rule.endsWith(`DNAT --to-destination ${other?.address}:8080`);
      if (isOfWeb) fake.packets.set(rule.slice(3), 7);
    }
    const counts = (await inspected(backend))?.endpoints ?? [];
    const [first, second] = [one, other].map((each) =>
      counts.find(({ address }) => address === each?.address),
    );
    // The second endpoint is on another node: in the legacy variant its rule is in the chain of the service port.
    expect(first?.connections).toBe(0);
    expect(second?.connections).toBe(7);
  });

  it('reports the rule that another process deleted, and only that', async () => {
    const { fake, backend } = await synced();
    const [rule = ''] = fake
      .dump('nat')
      .split('\n')
      .filter((line) => line.startsWith('-A KUBE-NODEPORTS ') && line.includes(' -j KUBE-EXT-'));
    fake.byOthers(`*nat\n${rule.replace('-A', '-D')}\nCOMMIT\n`);
    const changed = (await inspected(backend))?.objects.filter(({ state }) => state !== 'held');
    expect(changed?.map(({ within, name }) => `-A ${within?.slice(4)} ${name}`)).toEqual([rule]);
    expect(await difference(backend)).toEqual(['@@ chain KUBE-NODEPORTS in table nat @@', `+${rule}`]);
  });

  it('fails where the rules cannot be listed', async () => {
    const { backend, faults } = await synced();
    faults.on = true;
    expect(await backend.inspect?.(null)).toMatchObject({ outcome: 'failed' });
    expect(await backend.difference?.()).toMatchObject({ outcome: 'failed' });
  });
});

describe('the difference of the rules', () => {
  it('prints chains that are not desired and jumps that are missing', async () => {
    const { fake, backend } = await synced();
    const jump = fake
      .dump('nat')
      .split('\n')
      .find((line) => line.startsWith('-A PREROUTING '));
    fake.byOthers(
      `*nat\n:KUBE-SVC-STALE - [0:0]\n-A KUBE-SVC-STALE -j RETURN\n${jump?.replace('-A', '-D')}\nCOMMIT\n`,
    );
    expect(await difference(backend)).toEqual([
      '@@ chain PREROUTING in table nat @@',
      `+${jump}`,
      '@@ chain KUBE-SVC-STALE in table nat @@',
      '-:KUBE-SVC-STALE - [0:0]',
      '--A KUBE-SVC-STALE -j RETURN',
    ]);
  });

  it('does not disturb a change that is compiled at the same time', async () => {
    const { fake, backend } = await synced('nft', [WEB, ...OTHERS]);
    fake.byOthers('*nat\n-F KUBE-SERVICES\nCOMMIT\n');
    const state = sampleStateOf('IPv4', OTHERS);
    const [lines] = await Promise.all([
      difference(backend),
      backend.sync(fullChange(state)),
      inspected(backend, OTHERS[3]?.key),
    ]);
    expect(lines.length).toBeGreaterThan(0);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    const scratch = createFakeIptables({ family: 'IPv4' });
    await createIptablesBackend({ family: 'IPv4', driver: scratch.driver }).sync(fullChange(state));
    const sorted = (text: string) => text.split('\n').toSorted();
    expect(sorted(fake.dumpAll())).toEqual(sorted(scratch.dumpAll()));
  });
});

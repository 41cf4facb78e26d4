/** Changes by other processes to owned rules, and remains of failed syncs, are repaired, however they are detected (S58, F138). */
import {
  fullChange,
  type Backend,
  type DesiredServicePort,
  type DesiredState,
  type SyncResult,
} from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createFakeIptables, type FakeFaults, type FakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import {
  changeBetween,
  clusterIP,
  REFUSED,
  SAMPLE_NODE,
  sampleEndpoints,
  sampleService,
  sampleState,
} from '../testing/sample-state.ts';

const REJECTED = { ...sampleService({ index: 8, endpoints: [] }), frontends: [clusterIP(8, REFUSED)] };
/** Its guard of loopback node ports is a rule in KUBE-FIREWALL, which is kubelet's. */
const NODE = { ...SAMPLE_NODE, nodePortAddresses: { kind: 'any-local', loopback: true } } as const;
const SERVICES = [...Array.from({ length: 6 }, (_, index) => sampleService({ index })), REJECTED];
const STATE: DesiredState = sampleState(SERVICES, NODE);

/** With these service ports instead of those with the same name. */
function stateWith(...services: readonly DesiredServicePort[]): DesiredState {
  const given = new Map(services.map((service) => [service.key, service]));
  return sampleState(
    SERVICES.map((service) => given.get(service.key) ?? service),
    NODE,
  );
}

const EMPTY = changeBetween(STATE, STATE);

interface Lab {
  readonly fake: FakeIptables;
  readonly backend: Backend;
}

function lab(variant: 'nft' | 'legacy', faults: FakeFaults = () => false): Lab {
  const fake = createFakeIptables({ family: 'IPv4', variant, faults });
  return { fake, backend: createIptablesBackend({ family: 'IPv4', driver: fake.driver }) };
}

const dumpAll = ({ fake }: Lab): string => fake.dumpAll().split('\n').toSorted().join('\n');

async function ok(result: Promise<SyncResult>): Promise<SyncResult> {
  const settled = await result;
  expect(settled.error).toBeUndefined();
  return settled;
}

/** Applies the input as another program would, without notifying the monitor. */
function silently({ fake }: Lab, table: 'nat' | 'filter', ...lines: readonly string[]): void {
  expect(fake.kernel.apply(table, lines, 1)).toBeNull();
}

/** The effect of a plain `iptables -F`, and with `-X`, on a table. */
function flush(table: 'nat' | 'filter', how: 'keep-chains' | 'remove-chains') {
  return (world: Lab): void => {
    const names = [...world.fake.kernel.table(table).keys()];
    silently(world, table, ...names.map((name) => `-F ${name}`));
    const own = names.filter((name) => name.startsWith('KUBE-'));
    if (how === 'remove-chains') silently(world, table, ...own.map((name) => `-X ${name}`));
  };
}

/** Removes the first rule of a chain, or the one with these words. */
function without(table: 'nat' | 'filter', chain: string, words = '') {
  return (world: Lab): void => {
    const [rule] =
      world.fake.kernel
        .table(table)
        .get(chain)
        ?.filter(({ text }) => text.includes(words)) ?? [];
    if (rule === undefined) throw new Error(`no rule in ${chain}`);
    silently(world, table, `-D ${chain} ${rule.text}`);
  };
}

describe.each(['nft', 'legacy'] as const)(
  '%s: without a notification, the next empty sync repairs',
  (variant) => {
    it.each([
      ['a flush of filter', flush('filter', 'keep-chains')],
      ['filter without any chain', flush('filter', 'remove-chains')],
      ['a flush of nat', flush('nat', 'keep-chains')],
      ['nat without any chain', flush('nat', 'remove-chains')],
      ['a jump gone from OUTPUT of nat', without('nat', 'OUTPUT', 'KUBE-SERVICES')],
      ['a jump gone from FORWARD', without('filter', 'FORWARD', 'KUBE-FORWARD')],
      ['a rule gone from KUBE-FORWARD', without('filter', 'KUBE-FORWARD')],
      ['a rule gone from KUBE-SERVICES', without('nat', 'KUBE-SERVICES')],
      ['a rule gone from KUBE-FIREWALL', without('filter', 'KUBE-FIREWALL')],
      [
        'a rule put into KUBE-SERVICES',
        (world: Lab) => silently(world, 'nat', '-I KUBE-SERVICES -s 192.0.2.9/32 -j RETURN'),
      ],
    ])('%s', async (_, harm) => {
      const world = lab(variant);
      await ok(world.backend.sync(fullChange(STATE)));
      const right = dumpAll(world);
      harm(world);
      expect(dumpAll(world)).not.toBe(right);
      const result = await ok(world.backend.sync(EMPTY));
      expect(result.repaired.length).toBeGreaterThan(0);
      expect(dumpAll(world)).toBe(right);
    });

    it('but writes nothing where nothing changed, and does not compare everything again at once', async () => {
      let saves = 0;
      const world = lab(variant, (operation) => {
        if (operation === 'iptables-save') saves++;
        return false;
      });
      await ok(world.backend.sync(fullChange(STATE)));
      saves = 0;
      for (let round = 0; round < 20; round++) {
        expect(await ok(world.backend.sync(EMPTY))).toMatchObject({ scope: 'none', repaired: [] });
      }
      // The first took some time, and a hundred times as long has to pass; twenty rounds are faster.
      expect(saves).toBeLessThan(10);
      expect(saves).toBeGreaterThan(0);
    });

    it('a jump, after a restart whose first sync met a held lock', async () => {
      const fault = { on: false };
      const old = lab(variant, (operation) => fault.on && operation === 'iptables-restore');
      await ok(old.backend.sync(fullChange(STATE)));
      const next = createIptablesBackend({ family: 'IPv4', driver: old.fake.driver });
      const moved = sampleService({ index: 3, endpoints: sampleEndpoints(3, 2, 9090) });
      const state = stateWith(moved);
      fault.on = true;
      expect((await next.sync(fullChange(state))).outcome).toBe('failed');
      fault.on = false;
      const nothing = changeBetween(state, state);
      await ok(next.sync(nothing));
      await ok(next.sync(nothing));
      without('nat', 'PREROUTING', 'KUBE-SERVICES')(old);
      expect((await ok(next.sync(nothing))).repaired.length).toBeGreaterThan(0);
    });
  },
);

describe.each(['nft', 'legacy'] as const)('%s: after a failure', (variant) => {
  it('a refusal is written after the rules to the endpoints, as without a failure', async () => {
    const fault = { on: false };
    const world = lab(variant, (operation) => fault.on && operation === 'iptables-restore');
    await ok(world.backend.sync(fullChange(STATE)));
    // One service gains its first endpoint, another one moves: two parts.
    const gained = sampleService({ index: 8 });
    const moved = sampleService({ index: 3, endpoints: sampleEndpoints(3, 2, 9090) });
    const state = stateWith(gained, moved);
    fault.on = true;
    expect((await world.backend.sync(changeBetween(STATE, state))).outcome).toBe('failed');
    fault.on = false;
    const from = world.fake.inputs.length;
    await ok(world.backend.sync(changeBetween(state, state)));
    const text = world.fake.inputs.slice(from).join('');
    const tables = [...text.matchAll(/^\*(\w+)$/gm)].map(([, table]) => table);
    expect(tables.indexOf('nat')).toBeGreaterThanOrEqual(0);
    expect(tables.lastIndexOf('filter')).toBeGreaterThan(tables.indexOf('nat'));
  });

  it('a rule that kubelet adds to KUBE-FIREWALL during the listing is kept', async () => {
    const fake = createFakeIptables({ family: 'IPv4', variant });
    let first = true;
    const backend = createIptablesBackend({
      family: 'IPv4',
      driver: {
        ...fake.driver,
        restore(input) {
          if (first)
            fake.byOthers(
              '*filter\n-N KUBE-FIREWALL\n-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP\nCOMMIT\n',
            );
          first = false;
          return fake.driver.restore(input);
        },
      },
    });
    expect((await backend.sync(fullChange(STATE))).outcome).toBe('failed');
    await ok(backend.sync(EMPTY));
    const rules = fake.kernel.table('filter').get('KUBE-FIREWALL') ?? [];
    expect(rules.map(({ text }) => text)).toContain('-m mark --mark 0x8000/0x8000 -j DROP');
    expect(rules).toHaveLength(2);
  });
});

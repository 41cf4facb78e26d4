/** What every driver does, whether there is a kernel behind it or a fake. */
import type { Family } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import { setName } from '../compile/names.ts';
import { ipSet, SET_IDS } from '../compile/ip-sets.ts';
import { compilePacketFilter, obsoleteRules } from '../compile/packet-filter.ts';
import type { IpvsDriver } from '../driver/ipvs-driver.ts';
import type { IpSetEntry } from '../objects/ip-set.ts';
import type { Observed } from '../objects/kernel-state.ts';
import type { Operation } from '../objects/operation.ts';
import type { VirtualServer } from '../objects/virtual-server.ts';

export interface ContractSetup {
  readonly name: string;
  readonly family: Family;
  readonly driver: IpvsDriver;
  /** As another program would: flushes an owned chain. */
  readonly flushChain: (table: 'nat' | 'mangle' | 'filter', chain: string) => Promise<void>;
}

interface Addresses {
  readonly service: string;
  readonly pods: readonly [string, string];
  readonly network: string;
}

const ADDRESSES: Readonly<Record<Family, Addresses>> = {
  IPv4: { service: '10.96.0.10', pods: ['10.244.1.5', '10.244.2.7'], network: '198.51.100.0/24' },
  IPv6: {
    service: 'fd00:10:96::a',
    pods: ['fd00:10:244:1::5', 'fd00:10:244:2::7'],
    network: '2001:db8:0:c::/64',
  },
};

export function driverContract({ name, family, driver, flushChain }: ContractSetup): void {
  const { service, pods, network } = ADDRESSES[family];
  const server: VirtualServer = {
    protocol: 'TCP',
    address: service,
    port: 80,
    scheduler: 'rr',
    flags: 0,
    timeoutSeconds: 0,
  };
  const [one, other] = pods.map((address) => ({ address, port: 8080, weight: 1 }));
  if (one === undefined || other === undefined) throw new Error('two pods are needed');
  const sets = SET_IDS.map((id) => ipSet(family, id, 0));
  const clusterIPs = setName(family, 'CLUSTER-IP');
  const packetFilter = compilePacketFilter({
    family,
    detector: { kind: 'cidrs', cidrs: [network] },
    clusterMasquerade: 'not-local-pods',
    masqueradeBit: 14,
    randomFully: true,
  });
  const createSets = sets.map((set): Operation => ({ kind: 'set-create', set }));

  /** `ok`, or the codes of the failures with the index of the entry. */
  const results = async (...operations: readonly Operation[]): Promise<readonly string[]> => {
    const failures = await driver.apply(operations);
    return failures.map((each) =>
      each.length === 0 ? 'ok' : each.map(({ error, index }) => `${error.code} ${index}`).join(', '),
    );
  };
  const observe = async (): Promise<Observed> => {
    const seen = await driver.observe();
    if (!seen.ok) throw new Error(JSON.stringify(seen.error));
    return seen.value;
  };
  const port = (number: number): IpSetEntry => ({
    kind: 'address-port',
    address: service,
    protocol: 'TCP',
    port: number,
  });

  afterEach(async () => {
    await driver.removeRules(obsoleteRules(family));
    await driver.apply([
      { kind: 'server-delete', server },
      { kind: 'device-delete' },
      ...sets.map(({ name: set }): Operation => ({ kind: 'set-destroy', set })),
    ]);
  });

  describe(`${name}: virtual and real servers`, () => {
    it('are made once, changed and deleted only if they are there', async () => {
      const changed = { ...server, scheduler: 'wrr', flags: 1, timeoutSeconds: 600 };
      expect(await results({ kind: 'server-update', server })).toEqual(['not-found 0']);
      expect(await results({ kind: 'real-add', server, real: one })).toEqual(['not-found 0']);
      expect(
        await results(
          { kind: 'server-add', server },
          { kind: 'server-add', server },
          { kind: 'server-update', server: changed },
        ),
      ).toEqual(['ok', 'exists 0', 'ok']);
      expect(
        await results(
          { kind: 'real-add', server, real: one },
          { kind: 'real-add', server, real: one },
          { kind: 'real-update', server, real: other },
          { kind: 'real-add', server, real: other },
          { kind: 'real-update', server, real: { ...other, weight: 0 } },
        ),
      ).toEqual(['ok', 'exists 0', 'not-found 0', 'ok', 'ok']);
      const { servers } = await observe();
      expect([...servers.values()].map((held) => held.server)).toEqual([changed]);
      const reals = [...servers.values()].flatMap((held) => [...held.reals.values()]);
      expect(reals.toSorted((a, b) => b.weight - a.weight)).toEqual([
        { ...one, active: 0, inactive: 0, connections: 0 },
        { ...other, weight: 0, active: 0, inactive: 0, connections: 0 },
      ]);
      expect(
        await results(
          { kind: 'real-delete', server, real: one },
          { kind: 'real-delete', server, real: one },
          { kind: 'server-delete', server },
          { kind: 'server-delete', server },
        ),
      ).toEqual(['ok', 'not-found 0', 'ok', 'not-found 0']);
    });

    it('need a scheduler that exists', async () => {
      const strange = { ...server, scheduler: 'magic' };
      expect(await results({ kind: 'server-add', server: strange })).toEqual(['not-found 0']);
      expect(await driver.probe('rr')).toBeNull();
      expect((await driver.probe('magic'))?.message).toContain('magic');
      expect((await observe()).servers.size, 'virtual servers left by the probe').toBe(0);
    });

    it('report how many connections they have, also when they are gone', async () => {
      await results({ kind: 'server-add', server }, { kind: 'real-add', server, real: one });
      const status = await driver.status([server, { ...server, port: 81 }]);
      const counts = status.ok
        ? [...status.value.values()].map((reals) => [...reals.values()])
        : status.error;
      expect(counts).toEqual([[{ ...one, active: 0, inactive: 0, connections: 0 }], []]);
    });
  });

  describe(`${name}: device and addresses`, () => {
    it('are made once and deleted only if they are there', async () => {
      const add: Operation = { kind: 'address-add', address: service };
      const remove: Operation = { kind: 'address-delete', address: service };
      expect(await results(add)).toEqual(['not-found 0']);
      expect(await results({ kind: 'device-create' }, { kind: 'device-create' })).toEqual(['ok', 'exists 0']);
      expect(await results(add, add)).toEqual(['ok', 'exists 0']);
      const seen = await observe();
      expect(seen).toMatchObject({ device: 'owned', deviceShared: false });
      expect([...seen.boundAddresses]).toEqual([service]);
      expect(seen.hostAddresses.has(service), 'an address of the service device counted as the host’s').toBe(
        false,
      );
      expect(await results(remove, remove)).toEqual(['ok', 'not-found 0']);
      expect(await results({ kind: 'device-delete' }, { kind: 'device-delete' })).toEqual([
        'ok',
        'not-found 0',
      ]);
      expect((await observe()).device).toBe('absent');
    });
  });

  describe(`${name}: sets`, () => {
    it('hold entries of every type, added once or twice', async () => {
      await results(...createSets);
      const [pod] = pods;
      const main = { address: service, protocol: 'SCTP', port: 80 } as const;
      const entries: readonly [string, IpSetEntry][] = [
        ['IPVS-IPS', { kind: 'address', address: service }],
        ['CLUSTER-IP', { kind: 'address-port', ...main }],
        ['LOOP-BACK', { kind: 'address-port-address', ...main, second: pod }],
        ['LOAD-BALANCER-SOURCE-CIDR', { kind: 'address-port-network', ...main, network }],
        ['NODE-PORT-TCP', { kind: 'port', port: 65_535 }],
      ];
      for (const [id, entry] of entries) {
        const set = setName(family, id as (typeof SET_IDS)[number]);
        const add: Operation = { kind: 'set-add', set, entries: [entry, entry] };
        expect(await results(add, add), id).toEqual(['ok', 'ok']);
        expect([...((await observe()).sets.get(set)?.entries.values() ?? [])], id).toEqual([entry]);
        const remove: Operation = { kind: 'set-delete', set, entries: [entry] };
        expect(await results(remove, remove), id).toEqual(['ok', 'ok']);
        expect((await observe()).sets.get(set)?.entries.size, id).toBe(0);
      }
      expect((await observe()).sets.size).toBe(SET_IDS.length);
    });

    it('are created once, and a rejected entry affects only itself', async () => {
      const small = { ...ipSet(family, 'CLUSTER-IP', 0), maxElements: 4 };
      const create: Operation = { kind: 'set-create', set: small };
      expect(await results(create, create)).toEqual(['ok', 'exists 0']);
      const entries = [1, 2, 3, 4, 5, 4, 6].map(port);
      expect(await results({ kind: 'set-add', set: clusterIPs, entries })).toEqual([
        'rejected 4, rejected 6',
      ]);
      expect((await observe()).sets.get(clusterIPs)?.entries.size).toBe(4);
      expect(await results({ kind: 'set-add', set: 'KUBE-NONE', entries: [port(1)] })).toEqual([
        'not-found 0',
      ]);
    });

    it('are replaced under the rules that match them, which keeps them from being destroyed', async () => {
      expect(await results({ kind: 'packet-filter-install', packetFilter }), 'without sets').not.toEqual([
        'ok',
      ]);
      await results(...createSets, { kind: 'packet-filter-install', packetFilter });
      expect(await results({ kind: 'set-destroy', set: clusterIPs })).toEqual(['busy 0']);
      const set = { ...ipSet(family, 'CLUSTER-IP', 0), maxElements: 131_072 };
      expect(await results({ kind: 'set-replace', set, entries: [port(80), port(81)] })).toEqual(['ok']);
      const held = (await observe()).sets.get(clusterIPs);
      expect(held?.set).toEqual(set);
      expect([...(held?.entries.values() ?? [])]).toHaveLength(2);
      expect([...(await observe()).sets.keys()].filter((each) => each.endsWith('-NEW'))).toEqual([]);
    });
  });

  describe(`${name}: packet filter`, () => {
    it('is what was installed, reports what another process removed, and is removed completely', async () => {
      await results(...createSets);
      const before = await driver.packetFilterDrift(packetFilter);
      expect(before.ok && before.value.length).toBe(packetFilter.chains.length + packetFilter.jumps.length);
      expect(await results({ kind: 'packet-filter-install', packetFilter })).toEqual(['ok']);
      expect(await driver.packetFilterDrift(packetFilter)).toEqual({ ok: true, value: [] });
      await flushChain('nat', 'KUBE-SERVICES');
      expect(await driver.packetFilterDrift(packetFilter)).toEqual({
        ok: true,
        value: [{ kind: 'altered', type: 'chain', name: 'KUBE-SERVICES', within: 'nat' }],
      });
      expect(await results({ kind: 'packet-filter-install', packetFilter })).toEqual(['ok']);
      expect(await driver.packetFilterDrift(packetFilter)).toEqual({ ok: true, value: [] });
      const removed = await driver.removeRules(obsoleteRules(family));
      const tables = removed.ok ? removed.value.map((what) => / in table (\w+) \(/.exec(what)?.[1]) : [];
      expect(new Set(tables)).toEqual(new Set(['filter', 'nat', 'mangle']));
      expect(await driver.removeRules(obsoleteRules(family))).toEqual({ ok: true, value: [] });
      expect(await driver.packetFilterDrift(packetFilter)).toEqual(before);
    });
  });
}

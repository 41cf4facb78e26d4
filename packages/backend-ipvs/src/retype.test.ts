/** Sets with names of Signalbox that another program created with another type, and that rules refer to. */
import { backendError, type DesiredServicePort } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createIpvsBackend } from './ipvs-backend.ts';
import type { IpSet } from './objects/ip-set.ts';
import { change, full, NOTHING_NEW, service } from './testing/cluster.ts';
import { dumpKernel } from './testing/dump.ts';
import { createFakeIpvs, createFakeKernel } from './testing/fake-ipvs.ts';
import type { FakeKernel } from './testing/fake-kernel.ts';
import { HOST, memoryJournal, okay, type MemoryJournal } from './tests/bench.ts';

const GUARDED = service({
  loadBalancerIPs: ['203.0.113.9'],
  externalPolicy: 'local',
  nodePort: 30_080,
  sourceRanges: { cidrs: ['198.51.100.0/24'], alsoAddresses: [] },
});
const FIREWALL = 'KUBE-LOAD-BALANCER-FW';
const MISTYPED: readonly IpSet[] = [
  { name: FIREWALL, type: 'hash:ip', family: 'IPv4', maxElements: 65_536 },
  { name: 'KUBE-CLUSTER-IP', type: 'hash:ip,port', family: 'IPv6', maxElements: 65_536 },
  { name: 'KUBE-NODE-PORT-LOCAL-TCP', type: 'bitmap:port', family: null, maxElements: 2768 },
  { name: 'KUBE-NODE-PORT-TCP', type: 'hash:net' as never, family: 'IPv4', maxElements: 1024 },
];

type Probe = (operation: string) => boolean;

/** Ownership of virtual servers must not depend on the sets that are lost here. */
const journals = new WeakMap<FakeKernel, MemoryJournal>();

function backendOn(kernel: FakeKernel, faults: Probe = () => false) {
  const fake = createFakeIpvs({ family: 'IPv4', kernel, faults });
  const journal = journals.get(kernel) ?? memoryJournal();
  journals.set(kernel, journal);
  return createIpvsBackend({ family: 'IPv4', driver: fake.driver, reconcileInterval: 0, journal });
}

/** What a first sync makes of an empty kernel. */
async function desiredDump(...services: readonly DesiredServicePort[]): Promise<string> {
  const kernel = createFakeKernel({ hostAddresses: HOST });
  okay(await backendOn(kernel).sync(full(...services)));
  return dumpKernel(kernel, 'IPv4');
}

/** A node on which `GUARDED` is programmed, but for sets whose type another program has changed since. */
async function mistypedNode(sets = MISTYPED): Promise<FakeKernel> {
  const kernel = createFakeKernel({ hostAddresses: HOST });
  okay(await backendOn(kernel).sync(full(GUARDED)));
  for (const set of sets) kernel.sets.set(set.name, { set, entries: new Map() });
  return kernel;
}

/** Name of the set that the rules ask for guarded load-balancer addresses. */
function firewallSet(kernel: FakeKernel): string {
  const rule = /--match-set (\S+) dst,dst -j KUBE-SOURCE-RANGES-FIREWALL/.exec(
    kernel.iptables('IPv4').dump('mangle'),
  );
  return rule?.[1] ?? 'no set';
}

describe('a set of another type that rules refer to', () => {
  it.each(MISTYPED)('is replaced: $name as $type $family', async (set) => {
    const kernel = await mistypedNode([set]);
    okay(await backendOn(kernel).sync(full(GUARDED)));
    expect(dumpKernel(kernel, 'IPv4')).toBe(await desiredDump(GUARDED));
  });

  it('is reported as drift by a running process, and repaired by it', async () => {
    const kernel = createFakeKernel({ hostAddresses: HOST });
    const backend = backendOn(kernel);
    okay(await backend.sync(full(GUARDED)));
    for (const set of MISTYPED) kernel.sets.set(set.name, { set, entries: new Map() });
    const { repaired } = okay(await backend.sync(NOTHING_NEW));
    expect(repaired).toEqual(
      expect.arrayContaining(MISTYPED.map(({ name }) => ({ kind: 'altered', type: 'set', name }))),
    );
    expect(dumpKernel(kernel, 'IPv4')).toBe(await desiredDump(GUARDED));
    const other = service({ name: 'web', clusterIP: '10.96.0.11' });
    okay(await backend.sync(change('incremental', { added: [other] })));
    expect(dumpKernel(kernel, 'IPv4')).toBe(await desiredDump(GUARDED, other));
  });

  it('is replaced without a moment in which the rules that guard addresses read an empty set', async () => {
    const kernel = await mistypedNode();
    const guards: (readonly [string, number])[] = [];
    const probe: Probe = () => {
      const name = firewallSet(kernel);
      guards.push([name, kernel.sets.get(name)?.entries.size ?? -1]);
      return false;
    };
    okay(await backendOn(kernel, probe).sync(full(GUARDED)));
    const once = guards.findIndex(([name]) => name !== FIREWALL);
    expect(once, 'the rules were rewritten').toBeGreaterThan(0);
    expect(guards.slice(once).map(([, size]) => size)).not.toContain(0);
    expect(guards.slice(once).map(([, size]) => size)).not.toContain(-1);
    expect(firewallSet(kernel)).toBe(FIREWALL);
  });

  it('is replaced by the next process, wherever the first one was killed', async () => {
    const desired = await desiredDump(GUARDED);
    let kills = 0;
    for (let at = 1; at < 200 && kills === at - 1; at += 1) {
      const kernel = await mistypedNode();
      let writes = 0;
      const dying: Probe = () => ++writes >= at;
      const result = await backendOn(kernel, dying).sync(full(GUARDED));
      if (result.outcome !== 'ok') kills += 1;
      const next = backendOn(kernel);
      okay(await next.sync(full(GUARDED)));
      expect(dumpKernel(kernel, 'IPv4'), `killed at write ${at}`).toBe(desired);
      expect(await next.observe()).toEqual({ outcome: 'ok', drift: [] });
    }
    expect(kills).toBeGreaterThan(15);
  });

  it('leaves nothing behind after a cleanup, wherever the process was killed', async () => {
    const empty = dumpKernel(createFakeKernel({ hostAddresses: HOST }), 'IPv4');
    for (let at = 1; at < 40; at += 1) {
      const kernel = await mistypedNode();
      let writes = 0;
      await backendOn(kernel, () => ++writes >= at).sync(full(GUARDED));
      expect(await backendOn(kernel).cleanup()).toMatchObject({ outcome: 'ok' });
      expect(dumpKernel(kernel, 'IPv4'), `killed at write ${at}`).toBe(empty);
    }
  });
});

describe('a set of another type that a rule of another program refers to', () => {
  const inUse = async (): Promise<FakeKernel> => {
    const kernel = await mistypedNode();
    kernel
      .iptables('IPv4')
      .byOthers(`*filter\n-A INPUT -m set --match-set ${FIREWALL} src -j ACCEPT\nCOMMIT\n`);
    return kernel;
  };

  it('fails the sync with the name of the set, and the rules read another set meanwhile', async () => {
    const kernel = await inUse();
    const backend = backendOn(kernel);
    for (const next of [full(GUARDED), NOTHING_NEW]) {
      const result = await backend.sync(next);
      expect(result).toMatchObject({ outcome: 'failed', error: { code: 'busy' } });
      expect(result.error?.message).toContain(`set ${FIREWALL}`);
      expect([...(kernel.sets.get(firewallSet(kernel))?.entries.keys() ?? [])]).toEqual([
        '203.0.113.9,tcp:80',
      ]);
      expect([...kernel.bound].sort()).toEqual(['10.96.0.10', '203.0.113.9']);
    }
  });

  it('is replaced although the kernel lets go of what a deleted rule referred to only later', async () => {
    const kernel = await mistypedNode();
    let busy = 10;
    const apply = kernel.apply.bind(kernel);
    kernel.apply = (operation) =>
      operation.kind === 'set-destroy' && busy-- > 0
        ? [{ index: 0, error: backendError('busy', 'IPSET_CMD_DESTROY', 'busy', { kernel: 'unchanged' }) }]
        : apply(operation);
    okay(await backendOn(kernel).sync(full(GUARDED)));
    expect(busy).toBeLessThan(0);
    expect(dumpKernel(kernel, 'IPv4')).toBe(await desiredDump(GUARDED));
  });

  it('is replaced once that rule is gone', async () => {
    const kernel = await inUse();
    const backend = backendOn(kernel);
    await backend.sync(full(GUARDED));
    kernel
      .iptables('IPv4')
      .byOthers(`*filter\n-D INPUT -m set --match-set ${FIREWALL} src -j ACCEPT\nCOMMIT\n`);
    okay(await backend.sync(NOTHING_NEW));
    expect(dumpKernel(kernel, 'IPv4')).toBe(await desiredDump(GUARDED));
  });
});

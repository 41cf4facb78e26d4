/** What a comparison with the whole kernel does that a change does not: after a restart, a failure, a hint of drift. */
import type { DesiredServicePort } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { IpvsDriver } from './driver/ipvs-driver.ts';
import { createIpvsBackend } from './ipvs-backend.ts';
import { change, full, NOTHING_NEW, service } from './testing/cluster.ts';
import { dumpKernel } from './testing/dump.ts';
import { createFakeIpvs, createFakeKernel } from './testing/fake-ipvs.ts';
import type { FakeKernel } from './testing/fake-kernel.ts';
import { bench, OTHER_SERVER, HOST, kinds, memoryJournal, okay } from './tests/bench.ts';

const CART = service();
const WEB = service({ name: 'web', clusterIP: '10.96.0.11' });
const KEYS = ['TCP 10.96.0.10:80', 'TCP 10.96.0.11:80'];
const serverKeys = (kernel: FakeKernel): readonly string[] => [...kernel.servers.keys()].sort();

/** A backend whose driver can report drift, and calls back before each listing is returned. */
function watched(kernel = createFakeKernel({ hostAddresses: HOST })) {
  const fake = createFakeIpvs({ family: 'IPv4', kernel });
  const state = { hint: null as ((what: string) => void) | null, afterListing: (): void => undefined };
  const driver: IpvsDriver = {
    ...fake.driver,
    observe: async () => {
      const seen = await fake.driver.observe();
      state.afterListing();
      return seen;
    },
    watch: (onDrift) => {
      state.hint = onDrift;
      return () => {
        state.hint = null;
      };
    },
  };
  const backend = createIpvsBackend({ family: 'IPv4', driver, reconcileInterval: 1_000_000 });
  return { kernel, fake, state, backend };
}

describe('--ipvs-exclude-cidrs', () => {
  const options = { excludeCIDRs: ['10.96.0.11/32'], reconcileInterval: 0, journal: memoryJournal() };

  it('keeps virtual servers of deleted Services through restarts and verifications', async () => {
    const { backend, kernel, restart } = bench(options);
    okay(await backend.sync(full(CART, WEB)));
    const next = restart().backend;
    okay(await next.sync(full()));
    expect(serverKeys(kernel)).toEqual(['TCP 10.96.0.11:80']);
    expect(okay(await next.sync(NOTHING_NEW)).repaired).toEqual([]);
    expect(serverKeys(kernel)).toEqual(['TCP 10.96.0.11:80']);
  });

  it('keeps one that a listing misses, too', async () => {
    const journal = memoryJournal();
    const { kernel, restart } = bench({ ...options, journal });
    okay(await bench({ ...options, journal }, kernel).backend.sync(full(CART, WEB)));
    const { driver } = createFakeIpvs({ family: 'IPv4', kernel });
    const missing: IpvsDriver = {
      ...driver,
      observe: async () => {
        const seen = await driver.observe();
        return seen.ok ? { ok: true, value: { ...seen.value, servers: new Map() } } : seen;
      },
    };
    okay(await restart({ ...options, journal, driver: missing }).backend.sync(full()));
    expect(serverKeys(kernel)).toEqual(['TCP 10.96.0.11:80']);
  });
});

describe('beside a journal, half the evidence', () => {
  it('an address on the service device does not make a virtual server of another program owned', async () => {
    const journal = memoryJournal();
    const { backend, kernel, restart } = bench({ journal });
    okay(await backend.sync(full(CART)));
    kernel.apply({ kind: 'server-add', server: { ...OTHER_SERVER, address: '10.96.0.10' } });
    okay(await restart().backend.sync(full(CART)));
    expect(serverKeys(kernel)).toEqual(['TCP 10.96.0.10:80', 'TCP 10.96.0.10:8443']);
  });

  it('an entry of a set does not make one owned either', async () => {
    const journal = memoryJournal();
    const { backend, kernel, restart } = bench({ journal });
    okay(await backend.sync(full(CART)));
    kernel.apply({ kind: 'server-add', server: { ...OTHER_SERVER, address: '10.96.0.99', port: 80 } });
    const entry = { kind: 'address-port', address: '10.96.0.99', protocol: 'TCP', port: 80 } as const;
    kernel.apply({ kind: 'set-add', set: 'KUBE-CLUSTER-IP', entries: [entry] });
    okay(await restart().backend.sync(full(CART)));
    expect(serverKeys(kernel)).toEqual(['TCP 10.96.0.10:80', 'TCP 10.96.0.99:80']);
  });
});

describe('a full sync', () => {
  it('compares, whatever was compared before', async () => {
    const { backend, kernel } = bench();
    okay(await backend.sync(full(CART)));
    kernel.servers.clear();
    okay(await backend.sync(full(CART)));
    expect(serverKeys(kernel)).toEqual(['TCP 10.96.0.10:80']);
  });

  it('reports none of its own writes as drift', async () => {
    const { backend, restart } = bench();
    expect(okay(await backend.sync(full(CART, WEB))).repaired).toEqual([]);
    expect(okay(await restart().backend.sync(full(CART))).repaired, 'of another process').toEqual([]);
  });

  it('that failed is followed by another one, also where the next change is small', async () => {
    const kernel = createFakeKernel({ hostAddresses: HOST });
    const broken = { is: true };
    const faults = (kind: string): boolean => broken.is && kind === 'packet-filter-install';
    const { driver } = createFakeIpvs({ family: 'IPv4', kernel, faults });
    const backend = createIpvsBackend({ family: 'IPv4', driver, reconcileInterval: 1_000_000 });
    const failed = await backend.sync(full(CART));
    expect(failed, 'no packet filter: not partial').toMatchObject({
      outcome: 'failed',
      error: { code: 'busy', operation: 'packet-filter-install' },
    });
    broken.is = false;
    const next = okay(await backend.sync(change('incremental', { added: [WEB] })));
    expect([next.scope, next.repaired]).toEqual(['full', []]);
    expect(kernel.iptables('IPv4').dump('nat')).toContain('-j KUBE-SERVICES');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('comes after each small one neither when it is not due nor while there is work', async () => {
    const { backend, fake, clock } = bench({ reconcileInterval: 1000 });
    okay(await backend.sync(full(CART)));
    clock.advance(1000);
    okay(await backend.sync(change('incremental', { added: [WEB] })));
    expect(fake.observations()).toBe(1);
    okay(await backend.sync(NOTHING_NEW));
    expect(fake.observations()).toBe(2);
    okay(await backend.sync(NOTHING_NEW));
    expect(fake.observations()).toBe(2);
  });
});

describe('a Service that was refused for a virtual server of another program', () => {
  it('is forgotten with its failure when it is deleted while a full sync is due', async () => {
    const { backend, kernel, restart } = bench({ reconcileInterval: 0, journal: memoryJournal() });
    const taken: DesiredServicePort = service({ nodePort: 8443 });
    kernel.apply({ kind: 'server-add', server: OTHER_SERVER });
    expect((await backend.sync(full(taken, WEB))).outcome).toBe('partial');
    kernel.servers.get('TCP 10.96.0.11:80')?.reals.clear();
    okay(await backend.sync(change('incremental', { removed: [taken] })));
    okay(await backend.sync(NOTHING_NEW));
    okay(await restart().backend.sync(full(WEB)));
    expect(serverKeys(kernel)).toEqual(['TCP 10.96.0.11:80', 'TCP 192.0.2.10:8443']);
  });
});

describe('a hint of drift', () => {
  it('makes the next sync compare, once', async () => {
    const { backend, kernel, fake, state } = watched();
    const reported: string[] = [];
    const undo = backend.watch?.((what) => reported.push(what));
    okay(await backend.sync(full(CART)));
    const desired = dumpKernel(kernel, 'IPv4');
    kernel.bound.clear();
    state.hint?.('address 10.96.0.10 is gone');
    expect(reported).toEqual(['address 10.96.0.10 is gone']);
    expect(okay(await backend.sync(NOTHING_NEW)).repaired).toHaveLength(1);
    expect(dumpKernel(kernel, 'IPv4')).toBe(desired);
    okay(await backend.sync(NOTHING_NEW));
    expect(fake.observations()).toBe(2);
    undo?.();
    expect(state.hint, 'the watch has ended').toBeNull();
  });

  it('during a listing, which may lack it, makes the next sync compare again', async () => {
    const { backend, kernel, state } = watched();
    backend.watch?.(() => undefined);
    okay(await backend.sync(full(CART)));
    state.hint?.('something is gone');
    state.afterListing = () => {
      state.afterListing = () => undefined;
      kernel.bound.clear();
      state.hint?.('address 10.96.0.10 is gone');
    };
    okay(await backend.sync(NOTHING_NEW));
    okay(await backend.sync(NOTHING_NEW));
    expect([...kernel.bound]).toEqual(['10.96.0.10']);
  });
});

describe('an address of the host that becomes a service address', () => {
  it('is not bound a second time by a change', async () => {
    const { backend, kernel, fake } = bench();
    okay(await backend.sync(full(CART)));
    const before = fake.operations.length;
    const taken = service({ name: 'host', clusterIP: '10.96.0.12', externalIPs: ['192.0.2.10'] });
    okay(await backend.sync(change('incremental', { added: [taken] })));
    expect([...kernel.bound].sort()).toEqual(['10.96.0.10', '10.96.0.12']);
    expect(kinds(fake, before)).not.toContain('device-create');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });
});

describe('a Service that is added again', () => {
  it('in the change that follows a failed removal is programmed as a whole', async () => {
    const kernel = createFakeKernel({ hostAddresses: HOST });
    const broken = { is: false };
    const faults = (kind: string): boolean => broken.is && /^(?:set|server|address)-delete$/.test(kind);
    const { driver } = createFakeIpvs({ family: 'IPv4', kernel, faults });
    const backend = createIpvsBackend({ family: 'IPv4', driver });
    okay(await backend.sync(full(CART, WEB)));
    const desired = dumpKernel(kernel, 'IPv4');
    broken.is = true;
    expect((await backend.sync(change('incremental', { removed: [WEB] }))).outcome).toBe('partial');
    broken.is = false;
    okay(await backend.sync(change('incremental', { added: [WEB] })));
    expect(dumpKernel(kernel, 'IPv4')).toBe(desired);
    expect(serverKeys(kernel)).toEqual(KEYS);
  });
});

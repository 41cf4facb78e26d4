/** An owned virtual server stays owned, whatever a listing shows; one of another program is not modified, whatever fails. */
import { describe, expect, it } from 'vitest';
import { createIpvsBackend } from './ipvs-backend.ts';
import { serverOfKey, virtualServerKey } from './objects/virtual-server.ts';
import { change, full, NOTHING_NEW, service, TEST_NODE } from './testing/cluster.ts';
import { dumpKernel } from './testing/dump.ts';
import type { FakeKernel } from './testing/fake-kernel.ts';
import { faultyDriver } from './testing/faulty-driver.ts';
import {
  addOtherServer,
  bench,
  OTHER_SERVER,
  OTHER_SERVER_TEXT,
  memoryJournal,
  okay,
  overlooking,
  servers,
  type Bench,
  type MemoryJournal,
} from './tests/bench.ts';

const CART = 'TCP 10.96.0.10:80';

/** A backend whose listings miss what is put into `missed`. */
function hazy(): Bench & { readonly missed: string[]; readonly journal: MemoryJournal } {
  const made = bench();
  const missed: string[] = [];
  const journal = memoryJournal();
  const backend = createIpvsBackend({
    family: 'IPv4',
    driver: overlooking(made.fake.driver, missed),
    clock: made.clock,
    journal,
    reconcileInterval: 0,
  });
  return { ...made, backend, missed, journal };
}

/** As another program would create it. */
function addServer(kernel: FakeKernel, address: string, port: number): void {
  const server = { ...OTHER_SERVER, address, port };
  kernel.apply({ kind: 'server-add', server });
  kernel.apply({ kind: 'real-add', server, real: { address: '198.51.100.3', port: 443, weight: 1 } });
}

describe('an owned virtual server that a listing misses', () => {
  it('is no failure and stays owned, here and after a restart', async () => {
    const { backend, kernel, missed, journal, restart } = hazy();
    const [two, one] = [service(), service({ endpoints: ['10.244.1.6'] })];
    okay(await backend.sync(full(two)));
    const good = dumpKernel(kernel, 'IPv4');
    missed.push(CART);
    expect(okay(await backend.sync(NOTHING_NEW)).repaired).toEqual([]);
    expect(missed).toEqual([]);
    expect(dumpKernel(kernel, 'IPv4')).toBe(good);
    expect(journal.keys).toEqual([CART]);
    okay(await backend.sync(change('incremental', { changed: [[two, one]] })));
    expect(servers(kernel)).toContain('-r 10.244.1.6:8080 -m -w 1');
    okay(await restart({ journal }).backend.sync(full(two)));
    expect(servers(kernel)).toContain('-r 10.244.2.7:8080 -m -w 1');
  });

  it('at the first listing is owned by the objects that name it', async () => {
    const kubeProxy = bench();
    okay(await kubeProxy.backend.sync(full(service())));
    const driver = overlooking(kubeProxy.fake.driver, [CART]);
    const { backend, kernel } = bench({ driver, journal: memoryJournal() }, kubeProxy.kernel);
    okay(await backend.sync(full(service({ endpoints: ['10.244.1.6'] }))));
    expect(servers(kernel)).toContain('-r 10.244.1.6:8080 -m -w 1');
  });

  it('twice is a failure of that sync alone', async () => {
    const { backend, missed, journal } = hazy();
    okay(await backend.sync(full(service())));
    missed.push(CART, CART);
    expect(await backend.sync(NOTHING_NEW)).toMatchObject({ outcome: 'partial' });
    expect(journal.keys).toEqual([CART]);
    okay(await backend.sync(NOTHING_NEW));
  });

  it('is deleted all the same when no Service needs it any more', async () => {
    const { backend, kernel, missed, journal } = hazy();
    const other = service({ name: 'other', clusterIP: '10.96.0.11' });
    okay(await backend.sync(full(service(), other)));
    missed.push(CART);
    okay(await backend.sync(full(other)));
    expect([...kernel.servers.keys()]).toEqual(['TCP 10.96.0.11:80']);
    expect(journal.keys).toEqual(['TCP 10.96.0.11:80']);
  });

  it('and that is gone indeed is released: another program may have its place', async () => {
    const { backend, kernel, journal } = hazy();
    okay(await backend.sync(full(service())));
    kernel.servers.clear();
    okay(await backend.sync(full()));
    expect(journal.keys).toEqual([]);
    addServer(kernel, '10.96.0.10', 80);
    okay(await backend.sync(full()));
    expect([...kernel.servers.keys()]).toEqual([CART]);
  });

  it('is no drift when no Service needs it', async () => {
    const { fake } = bench();
    const journal = memoryJournal();
    journal.keys = [CART];
    const driver = faultyDriver(fake.driver, (what) => what === 'server-delete, before');
    const backend = createIpvsBackend({ family: 'IPv4', driver, journal });
    expect(await backend.sync(full())).toMatchObject({ failures: [{ key: CART }] });
    expect(journal.keys, 'until the kernel has answered').toEqual([CART]);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('in an excluded range is taken up again with its service', async () => {
    const { backend, kernel, clock } = bench({ excludeCIDRs: ['10.96.0.0/24'], journal: memoryJournal() });
    const cart = service();
    okay(await backend.sync(full(cart)));
    okay(await backend.sync(change('incremental', { removed: [cart] })));
    const next = service({ endpoints: ['10.244.1.9'] });
    okay(await backend.sync(change('incremental', { added: [next] })));
    expect(servers(kernel)).toContain('-r 10.244.1.9:8080 -m -w 1');
    expect(servers(kernel)).not.toContain('-r 10.244.2.7:8080 -m -w 1');
    clock.advance(60_000);
    okay(await backend.sync(NOTHING_NEW));
  });
});

describe('a virtual server of another program', () => {
  const cart = service({ nodePort: 8443 });

  it('gets no real servers from a new Service', async () => {
    const { backend, kernel, fake } = bench({ journal: memoryJournal() });
    okay(await backend.sync(full()));
    addOtherServer(kernel);
    const added = await backend.sync(change('incremental', { added: [cart] }));
    expect(added.failures.map(({ key, error }) => [key, error.code])).toEqual([['shop/cart:/TCP', 'exists']]);
    const onOtherServer = fake.operations.filter(
      (each) => 'real' in each && virtualServerKey(each.server) === virtualServerKey(OTHER_SERVER),
    );
    expect(onOtherServer).toEqual([]);
    expect(servers(kernel)).toContain(OTHER_SERVER_TEXT);
    expect(servers(kernel)).toContain('-a -t 192.0.2.11:8443 -r 10.244.1.5:8080 -m -w 1');
    okay(await backend.sync(change('incremental', { removed: [cart] })));
    expect(servers(kernel)).toBe(OTHER_SERVER_TEXT);
  });

  it('that a listing misses gets none in a full sync either', async () => {
    const { backend, kernel, missed, journal, restart } = hazy();
    addOtherServer(kernel);
    missed.push(virtualServerKey(OTHER_SERVER));
    const result = await backend.sync(full(cart));
    expect(result.failures.map(({ error }) => error.message)).toEqual([
      'virtual server TCP 192.0.2.10:8443 is not owned by Signalbox; not modified',
    ]);
    expect(servers(kernel)).toContain(OTHER_SERVER_TEXT);
    expect(journal.others).toEqual([virtualServerKey(OTHER_SERVER)]);
    const node = { ...TEST_NODE, nodePortIPs: ['192.0.2.11'] };
    okay(await restart({ journal }).backend.sync(change('full', { node, added: [cart] })));
    expect(journal.others).toEqual([]);
  });

  it('is not owned after a restart although owned sets name it', async () => {
    const { backend, kernel, restart } = bench({ journal: memoryJournal() });
    addOtherServer(kernel);
    addServer(kernel, '10.96.0.10', 80);
    const before = servers(kernel);
    await backend.sync(full(cart));
    const again = restart();
    expect(await again.backend.sync(full(cart))).toMatchObject({ outcome: 'partial' });
    okay(await again.backend.sync(full()));
    expect(servers(kernel)).toBe(before);
  });

  it('on an address without node ports is not owned for the number of its port', async () => {
    const { backend, kernel, restart } = bench();
    const nodePort = service({ nodePort: 30_080 });
    addServer(kernel, '192.168.7.100', 30_080);
    okay(await backend.sync(full(nodePort)));
    okay(await restart().backend.sync(full()));
    expect([...kernel.servers.keys()]).toEqual(['TCP 192.168.7.100:30080']);
    okay(await backend.sync(full(nodePort)));
    expect(await restart().backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect([...kernel.servers.keys()]).toEqual(['TCP 192.168.7.100:30080']);
  });
});

describe('the journal', () => {
  it('that could not be written is written by the next sync, and the failure is reported', async () => {
    const journal = memoryJournal();
    const { backend, kernel, restart, fake } = bench({ journal });
    okay(await backend.sync(full(service())));
    const other = service({ name: 'other', clusterIP: '10.96.0.11', endpoints: ['10.244.1.5'] });
    journal.failures = Infinity;
    const looks = fake.observations();
    const result = await backend.sync(change('incremental', { added: [other] }));
    expect(result.outcome).toBe('partial');
    expect(result.failures).toMatchObject([{ key: 'journal', error: { message: 'no space' } }]);
    expect(await backend.sync(NOTHING_NEW)).toMatchObject({ outcome: 'partial' });
    expect(fake.observations(), 'looks at everything').toBe(looks);
    journal.failures = 0;
    okay(await backend.sync(NOTHING_NEW));
    expect(journal.keys).toEqual([CART, 'TCP 10.96.0.11:80']);
    okay(await restart().backend.sync(full(service())));
    expect([...kernel.servers.keys()]).toEqual([CART]);
  });

  it('older than what kube-proxy made meanwhile leaves that owned', async () => {
    const journal = memoryJournal();
    const { backend, kernel, restart } = bench({ journal });
    okay(await backend.sync(full(service())));
    const kubeProxy = bench({ journal: memoryJournal() }, kernel);
    const shape = { name: 'shop', clusterIP: '10.96.0.77', nodePort: 30_077 };
    okay(await kubeProxy.backend.sync(full(service(), service({ ...shape, endpoints: ['10.244.1.5'] }))));
    addOtherServer(kernel);
    const moved = service({ ...shape, endpoints: ['10.244.2.9'] });
    okay(await restart().backend.sync(full(service(), moved)));
    expect(servers(kernel)).toContain('-a -t 10.96.0.77:80 -r 10.244.2.9:8080 -m -w 1');
    expect(servers(kernel)).toContain('-a -t 192.0.2.10:30077 -r 10.244.2.9:8080 -m -w 1');
    okay(await restart().backend.sync(full()));
    expect(servers(kernel)).toBe(OTHER_SERVER_TEXT);
    expect(journal.keys).toEqual([]);
  });

  it.each(['TCP 10.96.0.1:443', 'SCTP [fd00::1]:9'])('names %s so that it can be deleted', (key) => {
    const server = serverOfKey(key);
    expect(server && virtualServerKey(server)).toBe(key);
  });

  it.each(['', 'TCP', 'ICMP 10.0.0.1:1', 'TCP 10.0.0.1:99999', 'TCP 10.0.0:1', 'TCP fd00::1:9', 'TCP [x]:1'])(
    'may hold nonsense: %s',
    async (key) => {
      expect(serverOfKey(key)).toBeNull();
      const journal = memoryJournal();
      journal.keys = [key];
      okay(await bench({ journal }).backend.sync(full(service())));
    },
  );
});

import type { Backend, DesiredServicePort, SyncResult } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { ipSet } from './compile/ip-sets.ts';
import type { Journal } from './driver/journal.ts';
import { formatServers } from './format/ipvsadm.ts';
import { createIpvsBackend } from './ipvs-backend.ts';
import type { IpvsBackendOptions } from './options.ts';
import { change, full, NOTHING_NEW, service, TEST_NODE } from './testing/cluster.ts';
import { dumpKernel } from './testing/dump.ts';
import { createFakeIpvs, createFakeKernel, type FakeIpvs } from './testing/fake-ipvs.ts';
import type { FakeKernel } from './testing/fake-kernel.ts';

interface Bench {
  readonly kernel: FakeKernel;
  readonly fake: FakeIpvs;
  readonly clock: ManualClock;
  readonly backend: Backend;
  /** A new process on the same kernel. */
  readonly restart: (options?: Partial<IpvsBackendOptions>) => Bench;
}

const HOST = ['127.0.0.1', '192.0.2.10', '192.0.2.11'];

function bench(
  options: Partial<IpvsBackendOptions> = {},
  kernel = createFakeKernel({ hostAddresses: HOST }),
): Bench {
  const fake = createFakeIpvs({ family: 'IPv4', kernel });
  const clock = createManualClock();
  const backend = createIpvsBackend({ family: 'IPv4', driver: fake.driver, clock, ...options });
  return { kernel, fake, clock, backend, restart: (next = options) => bench(next, kernel) };
}

function memoryJournal(): Journal & { keys: readonly string[] | null } {
  const journal: Journal & { keys: readonly string[] | null } = {
    keys: null,
    load: async () => (journal.keys === null ? null : new Set(journal.keys)),
    save: async (keys) => {
      journal.keys = [...keys].sort();
      return null;
    },
    remove: async () => {
      journal.keys = null;
      return null;
    },
  };
  return journal;
}

const servers = (kernel: FakeKernel): string => formatServers(kernel.servers.values());
const kinds = (fake: FakeIpvs, from = 0): readonly string[] =>
  fake.operations.slice(from).map(({ kind }) => kind);
const FOREIGN = {
  protocol: 'TCP',
  address: '192.0.2.10',
  port: 8443,
  scheduler: 'wlc',
  flags: 0,
  timeoutSeconds: 0,
} as const;

function addForeign(kernel: FakeKernel): void {
  kernel.apply({ kind: 'server-add', server: FOREIGN });
  kernel.apply({
    kind: 'real-add',
    server: FOREIGN,
    real: { address: '198.51.100.3', port: 443, weight: 7 },
  });
}
const FOREIGN_TEXT = '-A -t 192.0.2.10:8443 -s wlc\n-a -t 192.0.2.10:8443 -r 198.51.100.3:443 -m -w 7\n';

function okay(result: SyncResult): SyncResult {
  expect(result, JSON.stringify(result, null, 1)).toMatchObject({ outcome: 'ok', failures: [] });
  return result;
}

describe('sync', () => {
  it('exposes a service only when all that guards it is there', async () => {
    const { backend, fake } = bench();
    const ranges = { cidrs: ['198.51.100.0/24'], alsoAddresses: [] };
    okay(await backend.sync(full(service({ loadBalancerIPs: ['203.0.113.9'], sourceRanges: ranges }))));
    const order = kinds(fake);
    const first = (kind: string): number => order.indexOf(kind);
    const last = (kind: string): number => order.lastIndexOf(kind);
    expect(last('set-create')).toBeLessThan(first('set-add'));
    expect(last('set-add')).toBeLessThan(first('program-install'));
    expect(first('program-install')).toBeLessThan(first('server-add'));
    expect(last('real-add')).toBeLessThan(first('address-add'));
    const adds = fake.operations.flatMap((operation) =>
      operation.kind === 'set-add' ? [operation.set] : [],
    );
    expect(adds.indexOf('KUBE-LOAD-BALANCER-SOURCE-CIDR')).toBeLessThan(
      adds.indexOf('KUBE-LOAD-BALANCER-FW'),
    );
  });

  it('changes one endpoint with a handful of writes and lists nothing', async () => {
    const { backend, fake } = bench();
    const many = Array.from({ length: 50 }, (_, index) =>
      service({ name: `s${index}`, clusterIP: `10.96.1.${index}`, nodePort: 30_000 + index }),
    );
    okay(await backend.sync(full(...many)));
    const before = fake.operations.length;
    const listed = fake.observations();
    const [first = service()] = many;
    const after = service({
      name: 's0',
      clusterIP: '10.96.1.0',
      nodePort: 30_000,
      endpoints: ['10.244.1.5', '10.244.2.7', '10.244.2.8'],
    });
    const result = okay(await backend.sync(change('incremental', { changed: [[first, after]] })));
    expect(kinds(fake, before)).toEqual(['real-add', 'real-add', 'real-add']);
    expect(result.scope).toBe('partial');
    expect(fake.observations(), 'listings of the whole state').toBe(listed);
  });

  it('does nothing for a change of nothing', async () => {
    const { backend, fake } = bench();
    okay(await backend.sync(full(service())));
    const before = fake.operations.length;
    const result = okay(await backend.sync(NOTHING_NEW));
    expect(result.scope).toBe('none');
    expect(kinds(fake, before)).toEqual([]);
  });

  it('closes a removed port before its virtual server goes, and unbinds first', async () => {
    const { backend, fake } = bench();
    const cart = service({ loadBalancerIPs: ['203.0.113.9'] });
    okay(await backend.sync(full(cart)));
    const before = fake.operations.length;
    okay(await backend.sync(change('incremental', { removed: [cart] })));
    const order = fake.operations
      .slice(before)
      .map((operation) =>
        operation.kind === 'set-delete' ? `${operation.kind} ${operation.set}` : operation.kind,
      );
    expect(order).toEqual([
      'address-delete',
      'address-delete',
      'set-delete KUBE-LOAD-BALANCER',
      'set-delete KUBE-CLUSTER-IP',
      'server-delete',
      'server-delete',
      'set-delete KUBE-IPVS-IPS',
      'set-delete KUBE-LOOP-BACK',
    ]);
  });

  it('writes sysctls and timeouts once, and only what differs', async () => {
    const { backend, kernel } = bench({ strictARP: true, timeouts: { tcp: 1200, udp: 0 } });
    kernel.sysctls.set('net/ipv4/ip_forward', '1');
    okay(await backend.sync(full()));
    expect(Object.fromEntries(kernel.sysctls)).toEqual({
      'net/ipv4/vs/conntrack': '1',
      'net/ipv4/vs/expire_nodest_conn': '1',
      'net/ipv4/vs/expire_quiescent_template': '1',
      'net/ipv4/ip_forward': '1',
      'net/ipv4/conf/all/arp_ignore': '1',
      'net/ipv4/conf/all/arp_announce': '2',
    });
    expect(kernel.timeouts.tcp).toBe(1200);
  });

  it('fails with the reason when the scheduler does not work', async () => {
    const { backend, fake } = bench({ scheduler: 'magic' });
    const result = await backend.sync(full(service()));
    expect(result.outcome).toBe('failed');
    expect(result.error?.message).toContain('magic');
    expect(fake.operations).toEqual([]);
  });

  it('fails when somebody else has a device of that name', async () => {
    const { backend, kernel } = bench();
    kernel.device = 'foreign';
    const result = await backend.sync(full(service()));
    expect(result.error?.message).toContain('kube-ipvs0');
    expect(kernel.servers.size).toBe(0);
  });

  it('leaves an address that another device has where it is', async () => {
    const { backend, kernel } = bench();
    kernel.hostAddresses.add('203.0.113.5');
    okay(await backend.sync(full(service({ externalIPs: ['203.0.113.5'] }))));
    expect([...kernel.bound]).toEqual(['10.96.0.10']);
    expect([...(kernel.sets.get('KUBE-IPVS-IPS')?.entries.keys() ?? [])]).toEqual(['10.96.0.10']);
    expect(servers(kernel)).toContain('-A -t 203.0.113.5:80');
  });

  it('makes a set as large as it must be, and replaces it when it has grown too small (G16)', async () => {
    const { backend, kernel, fake } = bench();
    const guarded = (count: number): DesiredServicePort => {
      const cidrs = Array.from(
        { length: count },
        (_, at) => `11.${at >> 16}.${(at >> 8) & 255}.${at & 255}/32`,
      );
      return service({ loadBalancerIPs: ['203.0.113.9'], sourceRanges: { cidrs, alsoAddresses: [] } });
    };
    const space = (): number | undefined =>
      kernel.sets.get('KUBE-LOAD-BALANCER-SOURCE-CIDR')?.set.maxElements;
    const [few, many] = [guarded(65_536), guarded(65_537)];
    okay(await backend.sync(full(few)));
    expect(space()).toBe(65_536);
    const before = fake.operations.length;
    okay(await backend.sync(change('incremental', { changed: [[few, many]] })));
    expect(kinds(fake, before)).toEqual(['set-replace']);
    expect(space()).toBe(131_072);
    expect(kernel.sets.get('KUBE-LOAD-BALANCER-SOURCE-CIDR')?.entries.size).toBe(65_537);
    okay(await backend.sync(change('incremental', { changed: [[many, few]] })));
    expect(kinds(fake, before)).toEqual(['set-replace', 'set-delete']);
  });

  it('does not mind that the other family made the device meanwhile', async () => {
    const { kernel, fake } = bench();
    const driver: typeof fake.driver = {
      ...fake.driver,
      observe: async () => {
        const seen = await fake.driver.observe();
        kernel.device = 'ours';
        return seen;
      },
    };
    okay(await createIpvsBackend({ family: 'IPv4', driver }).sync(full(service())));
    expect([...kernel.bound]).toEqual(['10.96.0.10']);
  });

  it('adapts the rules when the detector changes', async () => {
    const { backend, kernel } = bench();
    okay(await backend.sync(full(service())));
    const node = { ...TEST_NODE, localDetector: { kind: 'interface', name: 'cni0' } } as const;
    okay(await backend.sync(change('incremental', { node, nodeChanged: 'changed' })));
    expect(kernel.iptables('IPv4').dump('nat')).toContain('-A KUBE-MARK-MASQ-FOREIGN -i cni0 -j RETURN');
  });

  it('serves node ports on the addresses that the node has now', async () => {
    const { backend, kernel } = bench();
    okay(await backend.sync(full(service({ nodePort: 30_080 }))));
    const node = { ...TEST_NODE, nodePortIPs: ['192.0.2.11', '192.0.2.12', '10.96.0.10', 'fe80::1'] };
    okay(await backend.sync(change('incremental', { node, nodeChanged: 'changed' })));
    expect([...kernel.servers.keys()].sort()).toEqual([
      'TCP 10.96.0.10:80',
      'TCP 192.0.2.11:30080',
      'TCP 192.0.2.12:30080',
    ]);
  });
});

describe('drift', () => {
  it('is found by observe and put right by a sync after the interval', async () => {
    const { backend, kernel, clock } = bench({ reconcileInterval: 30_000 });
    okay(await backend.sync(full(service())));
    const good = dumpKernel(kernel, 'IPv4');
    kernel.servers.get('TCP 10.96.0.10:80')?.reals.delete('10.244.2.7:8080');
    kernel.bound.clear();
    kernel.sets.get('KUBE-CLUSTER-IP')?.entries.clear();
    kernel.iptables('IPv4').byOthers('*nat\n-F KUBE-SERVICES\nCOMMIT\n');
    const seen = await backend.observe();
    const drift = [
      'missing: KUBE-CLUSTER-IP 10.96.0.10,tcp:80',
      'altered: packet filter',
      'missing: real server 10.244.2.7:8080 of TCP 10.96.0.10:80',
      'missing: address 10.96.0.10 on kube-ipvs0',
    ];
    expect(seen.outcome === 'ok' && seen.drift.map(({ kind, object }) => `${kind}: ${object}`)).toEqual(
      drift,
    );
    clock.advance(29_999);
    expect((await backend.sync(NOTHING_NEW)).repaired).toEqual([]);
    clock.advance(1);
    expect(okay(await backend.sync(NOTHING_NEW)).repaired).toEqual(drift);
    expect(dumpKernel(kernel, 'IPv4')).toBe(good);
  });

  it('that makes a change fail is put right in the same sync', async () => {
    const { backend, kernel, restart } = bench();
    const [before, after] = [service(), service({ endpoints: ['10.244.1.5'] })];
    okay(await backend.sync(full(before)));
    kernel.servers.clear();
    okay(await backend.sync(change('incremental', { changed: [[before, after]] })));
    const repaired = dumpKernel(kernel, 'IPv4');
    kernel.servers.clear();
    okay(await restart().backend.sync(full(after)));
    expect(repaired).toBe(dumpKernel(kernel, 'IPv4'));
  });

  it('restores a weight that somebody set, but starts no listing for a change', async () => {
    const { backend, kernel, restart } = bench();
    okay(await backend.sync(full(service())));
    const server = kernel.servers.get('TCP 10.96.0.10:80')?.server;
    if (server !== undefined)
      kernel.apply({ kind: 'real-update', server, real: { address: '10.244.1.5', port: 8080, weight: 0 } });
    okay(await restart().backend.sync(full(service())));
    expect(servers(kernel)).toContain('-r 10.244.1.5:8080 -m -w 1');
  });
});

describe('other people', () => {
  it('keep their virtual servers through start, sync, restart and cleanup', async () => {
    const first = bench();
    addForeign(first.kernel);
    const cart = service({ nodePort: 30_080 });
    okay(await first.backend.sync(full(cart)));
    okay(await first.backend.sync(change('incremental', { removed: [cart] })));
    expect(servers(first.kernel)).toBe(FOREIGN_TEXT);
    const second = first.restart();
    okay(await second.backend.sync(full(cart)));
    expect(servers(first.kernel)).toContain(FOREIGN_TEXT);
    expect(await second.backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(servers(first.kernel)).toBe(FOREIGN_TEXT);
  });

  it('who have a virtual server where ours should be are reported and left alone, until they go', async () => {
    const { backend, kernel, clock } = bench({ journal: memoryJournal() });
    const cart = service({ nodePort: 8443 });
    addForeign(kernel);
    const result = await backend.sync(full(cart));
    expect(result.outcome).toBe('partial');
    expect(result.failures.map(({ key, error }) => [key, error.code])).toEqual([
      ['shop/cart:/TCP', 'exists'],
    ]);
    expect(servers(kernel)).toContain(FOREIGN_TEXT);
    expect(servers(kernel)).toContain('-A -t 192.0.2.11:8443');
    kernel.apply({ kind: 'server-delete', server: FOREIGN });
    clock.advance(60_000);
    okay(await backend.sync(NOTHING_NEW));
    expect(servers(kernel)).toContain('-A -t 192.0.2.10:8443 -s rr');
  });
});

describe('ownership after a restart', () => {
  it('comes from the journal: what is stale goes', async () => {
    const journal = memoryJournal();
    const { backend, kernel, restart } = bench({ journal });
    okay(await backend.sync(full(service({ nodePort: 30_080 }))));
    expect(journal.keys).toEqual(['TCP 10.96.0.10:80', 'TCP 192.0.2.10:30080', 'TCP 192.0.2.11:30080']);
    addForeign(kernel);
    okay(await restart().backend.sync(full()));
    expect(servers(kernel)).toBe(FOREIGN_TEXT);
    expect(journal.keys).toEqual([]);
  });

  it('comes from the kernel if the journal is lost, and is written down again', async () => {
    const { backend, kernel, restart } = bench();
    okay(await backend.sync(full(service({ nodePort: 30_080 }))));
    addForeign(kernel);
    const journal = memoryJournal();
    const second = restart({ journal });
    okay(await second.backend.sync(full(service())));
    expect(journal.keys).toEqual(['TCP 10.96.0.10:80']);
    expect(servers(kernel)).toContain(FOREIGN_TEXT);
    expect(servers(kernel)).not.toContain('30080');
  });

  it('never deletes in an excluded range', async () => {
    const { backend, kernel } = bench({ excludeCIDRs: ['10.96.0.0/24'] });
    const cart = service();
    okay(await backend.sync(full(cart)));
    okay(await backend.sync(change('incremental', { removed: [cart] })));
    expect([...kernel.servers.keys()]).toEqual(['TCP 10.96.0.10:80']);
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect([...kernel.servers.keys()]).toEqual(['TCP 10.96.0.10:80']);
  });
});

describe('cleanup', () => {
  it('leaves nothing of ours, needs no sync before, and reports nothing the second time', async () => {
    const { backend, kernel, restart } = bench();
    const untouched = dumpKernel(kernel, 'IPv4');
    okay(await backend.sync(full(service({ nodePort: 30_080, loadBalancerIPs: ['203.0.113.9'] }))));
    const other = restart();
    expect(await other.backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(dumpKernel(kernel, 'IPv4')).toBe(untouched);
    expect(await other.backend.cleanup()).toEqual({ outcome: 'ok', removed: [] });
  });

  it('keeps the device as long as the other family uses it', async () => {
    const { backend, kernel } = bench();
    const fake = createFakeIpvs({ family: 'IPv6', kernel });
    const six = createIpvsBackend({ family: 'IPv6', driver: fake.driver });
    okay(await backend.sync(full(service())));
    const node = { ...TEST_NODE, localDetector: { kind: 'none' }, nodePortIPs: [] } as const;
    const cart6 = service({ clusterIP: 'fd00:10:96::a', endpoints: [] });
    okay(await six.sync(change('full', { family: 'IPv6', node, added: [cart6] })));
    await backend.cleanup();
    expect([...kernel.bound]).toEqual(['fd00:10:96::a']);
    expect(kernel.device).toBe('ours');
    await six.cleanup();
    expect(kernel.device).toBe('absent');
    expect([...kernel.sets.keys()]).toEqual([]);
  });

  it('finds its rules although the iptables mode’s cleanup took chains of the same names before', async () => {
    const { backend, kernel } = bench();
    const untouched = dumpKernel(kernel, 'IPv4');
    okay(await backend.sync(full(service())));
    const taken = [
      ['nat', 'PREROUTING', 'kubernetes service portals', 'KUBE-SERVICES'],
      ['nat', 'OUTPUT', 'kubernetes service portals', 'KUBE-SERVICES'],
      ['nat', 'POSTROUTING', 'kubernetes postrouting rules', 'KUBE-POSTROUTING'],
      ['filter', 'FORWARD', 'kubernetes forwarding rules', 'KUBE-FORWARD'],
    ] as const;
    for (const [table, hook, comment, chain] of taken) {
      const jump = `-D ${hook} -m comment --comment "${comment}" -j ${chain}`;
      const last = hook === 'PREROUTING' ? '' : `-F ${chain}\n-X ${chain}\n`;
      kernel.iptables('IPv4').byOthers(`*${table}\n${jump}\n${last}COMMIT\n`);
    }
    kernel.iptables('IPv4').byOthers('*nat\n-F KUBE-MARK-MASQ\nCOMMIT\n');
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(dumpKernel(kernel, 'IPv4')).toBe(untouched);
  });

  it('leaves rules of the iptables mode that have the same names', async () => {
    const { backend, kernel } = bench();
    const rules =
      '*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -d 10.96.0.1/32 -j ACCEPT\n-I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\nCOMMIT\n';
    kernel.iptables('IPv4').byOthers(rules);
    const before = kernel.iptables('IPv4').dump('nat');
    kernel.apply({ kind: 'set-create', set: ipSet('IPv4', 'CLUSTER-IP', 0) });
    expect(await backend.cleanup()).toEqual({ outcome: 'ok', removed: ['1 sets'] });
    expect(kernel.iptables('IPv4').dump('nat')).toBe(before);
  });
});

import { formatDrift } from '@signalbox/backend-kit';
import { backendError, type DesiredServicePort } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createIpvsBackend } from './ipvs-backend.ts';
import { change, full, NOTHING_NEW, service, TEST_NODE } from './testing/cluster.ts';
import { dumpKernel } from './testing/dump.ts';
import { bench, kinds, okay, servers } from './tests/bench.ts';

describe('sync', () => {
  it('exposes a service only when all that guards it is there', async () => {
    const { backend, fake } = bench();
    const ranges = { cidrs: ['198.51.100.0/24'], alsoAddresses: [] };
    okay(await backend.sync(full(service({ loadBalancerIPs: ['203.0.113.9'], sourceRanges: ranges }))));
    const order = kinds(fake);
    const first = (kind: string): number => order.indexOf(kind);
    const last = (kind: string): number => order.lastIndexOf(kind);
    expect(last('set-create')).toBeLessThan(first('set-add'));
    expect(last('set-add')).toBeLessThan(first('packet-filter-install'));
    expect(first('packet-filter-install')).toBeLessThan(first('server-add'));
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

  it('sets the kernel up again where the module went with all that it held', async () => {
    const { backend, kernel, fake, restart } = bench();
    okay(await backend.sync(full(service())));
    const right = dumpKernel(kernel, 'IPv4');
    const settings = new Map(kernel.sysctls);
    const { driver } = fake;
    const away = { module: false };
    const other = createIpvsBackend({
      family: 'IPv4',
      reconcileInterval: 0,
      driver: {
        ...driver,
        apply: async (operations) =>
          away.module
            ? operations.map(() => [{ error: backendError('not-found', 'IPVS', 'ENOENT'), index: 0 }])
            : driver.apply(operations),
      },
    });
    okay(await other.sync(full(service())));
    away.module = true;
    kernel.servers.clear();
    kernel.sysctls.clear();
    expect((await other.sync(NOTHING_NEW)).outcome).toBe('partial');
    away.module = false;
    okay(await other.sync(NOTHING_NEW));
    expect(dumpKernel(kernel, 'IPv4')).toBe(right);
    expect(kernel.sysctls).toEqual(settings);
    okay(await restart().backend.sync(full(service())));
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

  it('masquerades as long as endpoints of other nodes serve', async () => {
    const { backend, fake } = bench();
    const shape = { loadBalancerIPs: ['203.0.113.9'] };
    const [everywhere, here] = [service(shape), service({ ...shape, externalPolicy: 'local' })];
    okay(await backend.sync(full(everywhere)));
    const before = fake.operations.length;
    okay(await backend.sync(change('incremental', { changed: [[everywhere, here]] })));
    expect(kinds(fake, before)).toEqual(['real-update', 'set-add', 'real-delete']);
    okay(await backend.sync(change('incremental', { changed: [[here, everywhere]] })));
    expect(kinds(fake, before).slice(3)).toEqual(['set-delete', 'real-add']);
  });

  it('drops before it lets other endpoints in, and until local ones are back', async () => {
    const { backend, fake } = bench();
    const shape = { loadBalancerIPs: ['203.0.113.9'], externalPolicy: 'local' } as const;
    const [local, remote] = [service(shape), service({ ...shape, endpoints: ['10.244.2.7'] })];
    const reals = (from: number): readonly string[] =>
      fake.operations
        .slice(from)
        .map((each) => ('real' in each ? `${each.kind} ${each.real.address}` : each.kind));
    okay(await backend.sync(full(local)));
    const first = fake.operations.length;
    okay(await backend.sync(change('incremental', { changed: [[local, remote]] })));
    // Which clients are pods of this node or the node itself, every source, and the gate that asks for both.
    expect(reals(first).slice(0, 4)).toEqual(['set-add', 'set-add', 'set-add', 'real-add 10.244.2.7']);
    const sets = fake.operations.slice(first).flatMap((each) => (each.kind === 'set-add' ? [each.set] : []));
    expect(sets).toEqual([
      'KUBE-EXTERNAL-IP-LOCAL',
      'KUBE-LOAD-BALANCER-SOURCE-CIDR',
      'KUBE-LOAD-BALANCER-FW',
    ]);
    const second = fake.operations.length;
    okay(await backend.sync(change('incremental', { changed: [[remote, local]] })));
    const back = reals(second);
    expect(back.indexOf('real-update 10.244.2.7')).toBeLessThan(back.indexOf('set-delete'));
    const deleted = fake.operations
      .slice(second)
      .flatMap((each) => (each.kind === 'set-delete' ? [each.set] : []));
    expect(deleted).toEqual(sets.toReversed());
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

  it.each([{}, { tcp: 0, tcpFin: 0, udp: 0 }])(
    'writes no timeouts where none is set: %j',
    async (timeouts) => {
      const { fake } = bench();
      const setTimeouts = (): never => {
        throw new Error('not permitted');
      };
      const { backend } = bench({ timeouts, driver: { ...fake.driver, setTimeouts } });
      okay(await backend.sync(full()));
    },
  );

  it('leaves a stricter arp_ignore as it is', async () => {
    const { backend, kernel } = bench({ strictARP: true });
    kernel.sysctls.set('net/ipv4/conf/all/arp_ignore', '2');
    okay(await backend.sync(full()));
    expect(kernel.sysctls.get('net/ipv4/conf/all/arp_ignore')).toBe('2');
    const other = bench({ strictARP: true });
    other.kernel.sysctls.set('net/ipv4/conf/all/arp_ignore', '3');
    okay(await other.backend.sync(full()));
    expect(other.kernel.sysctls.get('net/ipv4/conf/all/arp_ignore')).toBe('1');
  });

  it('fails with the reason when the scheduler does not work', async () => {
    const { backend, fake } = bench({ scheduler: 'magic' });
    const result = await backend.sync(full(service()));
    expect(result.outcome).toBe('failed');
    expect(result.error?.message).toContain('magic');
    expect(fake.operations).toEqual([]);
  });

  it('fails when a device of that name is no dummy', async () => {
    const { backend, kernel } = bench();
    kernel.device = 'not-dummy';
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

  it('makes a set as large as it must be, and replaces it when it has grown too small', async () => {
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
        kernel.device = 'owned';
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
    expect(kernel.iptables('IPv4').dump('nat')).toContain('-A KUBE-MARK-NON-POD -i cni0 -j RETURN');
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
  it('is found by observe and repaired by a sync after the interval', async () => {
    const { backend, kernel, clock } = bench({ reconcileInterval: 30_000 });
    okay(await backend.sync(full(service())));
    const good = dumpKernel(kernel, 'IPv4');
    kernel.servers.get('TCP 10.96.0.10:80')?.reals.delete('10.244.2.7:8080');
    kernel.bound.clear();
    kernel.sets.get('KUBE-CLUSTER-IP')?.entries.clear();
    kernel.iptables('IPv4').byOthers('*nat\n-F KUBE-SERVICES\nCOMMIT\n');
    const seen = await backend.observe();
    const drift = [
      'missing entry 10.96.0.10,tcp:80 in set KUBE-CLUSTER-IP',
      'altered chain KUBE-SERVICES in nat',
      'missing real server 10.244.2.7:8080 in virtual server TCP 10.96.0.10:80',
      'missing address 10.96.0.10 in kube-ipvs0',
    ];
    expect(seen.outcome === 'ok' && seen.drift.map(formatDrift)).toEqual(drift);
    clock.advance(29_999);
    expect((await backend.sync(NOTHING_NEW)).repaired).toEqual([]);
    clock.advance(1);
    expect(okay(await backend.sync(NOTHING_NEW)).repaired.map(formatDrift)).toEqual(drift);
    expect(dumpKernel(kernel, 'IPv4')).toBe(good);
  });

  it('that makes a change fail is repaired in the same sync', async () => {
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

  it('restores a weight that another process set, but starts no listing for a change', async () => {
    const { backend, kernel, restart } = bench();
    okay(await backend.sync(full(service())));
    const server = kernel.servers.get('TCP 10.96.0.10:80')?.server;
    if (server !== undefined)
      kernel.apply({ kind: 'real-update', server, real: { address: '10.244.1.5', port: 8080, weight: 0 } });
    okay(await restart().backend.sync(full(service())));
    expect(servers(kernel)).toContain('-r 10.244.1.5:8080 -m -w 1');
  });
});

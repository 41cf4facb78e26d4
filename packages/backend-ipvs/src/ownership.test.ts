import { backendError } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { cleanUpIpvs } from './cleanup.ts';
import { ipSet } from './compile/ip-sets.ts';
import { createIpvsBackend } from './ipvs-backend.ts';
import { change, full, NOTHING_NEW, service, TEST_NODE } from './testing/cluster.ts';
import { dumpKernel } from './testing/dump.ts';
import { createFakeIpvs, createFakeKernel } from './testing/fake-ipvs.ts';
import type { FakeKernel } from './testing/fake-kernel.ts';
import {
  addOtherServer,
  bench,
  OTHER_SERVER,
  OTHER_SERVER_TEXT,
  memoryJournal,
  okay,
  servers,
} from './tests/bench.ts';

describe('other programs', () => {
  it('keep their virtual servers through start, sync, restart and cleanup', async () => {
    const first = bench();
    addOtherServer(first.kernel);
    const cart = service({ nodePort: 30_080 });
    okay(await first.backend.sync(full(cart)));
    okay(await first.backend.sync(change('incremental', { removed: [cart] })));
    expect(servers(first.kernel)).toBe(OTHER_SERVER_TEXT);
    const second = first.restart();
    okay(await second.backend.sync(full(cart)));
    expect(servers(first.kernel)).toContain(OTHER_SERVER_TEXT);
    expect(await second.backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(servers(first.kernel)).toBe(OTHER_SERVER_TEXT);
  });

  it('with a virtual server at an address and port of a Service are reported and not modified, until they go', async () => {
    const { backend, kernel, clock } = bench({ journal: memoryJournal() });
    const cart = service({ nodePort: 8443 });
    addOtherServer(kernel);
    const result = await backend.sync(full(cart));
    expect(result.outcome).toBe('partial');
    expect(result.failures.map(({ key, error }) => [key, error.code])).toEqual([
      ['shop/cart:/TCP', 'exists'],
    ]);
    expect(servers(kernel)).toContain(OTHER_SERVER_TEXT);
    expect(servers(kernel)).toContain('-A -t 192.0.2.11:8443');
    kernel.apply({ kind: 'server-delete', server: OTHER_SERVER });
    clock.advance(60_000);
    okay(await backend.sync(NOTHING_NEW));
    expect(servers(kernel)).toContain('-A -t 192.0.2.10:8443 -s rr');
  });
});

describe('an address that another device gets', () => {
  it('is taken off the device of the mode by the next sync after an observation found it', async () => {
    const { backend, kernel } = bench({}, createFakeKernel({ hostAddresses: [] }));
    okay(await backend.sync(full(service({ externalIPs: ['203.0.113.5'] }))));
    expect([...kernel.bound].toSorted()).toEqual(['10.96.0.10', '203.0.113.5']);
    kernel.hostAddresses.add('203.0.113.5');
    expect(await backend.observe()).toMatchObject({ outcome: 'ok' });
    okay(await backend.sync(NOTHING_NEW));
    expect([...kernel.bound]).toEqual(['10.96.0.10']);
  });
});

describe('a cleanup that failed', () => {
  it('leaves it known which virtual servers are owned, though the kernel does not show it', async () => {
    const { kernel, restart } = bench();
    const fake = createFakeIpvs({ family: 'IPv4', kernel });
    const failing = { on: true };
    const error = backendError('busy', 'IPVS_CMD_DEL_SERVICE', 'EBUSY', { kernel: 'unchanged' });
    const { backend } = restart({
      driver: {
        ...fake.driver,
        apply: async (operations) =>
          failing.on && operations.some(({ kind }) => kind === 'server-delete')
            ? operations.map(() => [{ index: 0, error }])
            : fake.driver.apply(operations),
      },
    });
    okay(await backend.sync(full(service({}))));
    addOtherServer(kernel);
    kernel.apply({ kind: 'address-delete', address: '10.96.0.10' });
    kernel.apply({
      kind: 'set-delete',
      set: 'KUBE-CLUSTER-IP',
      entries: [{ kind: 'address-port', address: '10.96.0.10', protocol: 'TCP', port: 80 }],
    });
    expect(await backend.cleanup()).toMatchObject({ outcome: 'failed' });
    failing.on = false;
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(servers(kernel)).toBe(OTHER_SERVER_TEXT);
  });
});

describe('ownership after a restart', () => {
  it('of the other family, in the same journal, is left to the backend of that family', async () => {
    const journal = memoryJournal();
    const { fake, kernel, restart } = bench({ journal });
    const other = { ...OTHER_SERVER, address: '2001:db8::10' };
    kernel.apply({ kind: 'server-add', server: other });
    journal.keys = ['TCP [2001:db8::10]:8443'];
    okay(await restart().backend.sync(full(service({}))));
    expect(servers(kernel)).toContain('[2001:db8::10]:8443');
    expect(journal.keys).toContain('TCP [2001:db8::10]:8443');
    expect(fake.operations.filter(({ kind }) => kind === 'server-delete')).toEqual([]);
  });

  it('comes from the journal: what is stale goes', async () => {
    const journal = memoryJournal();
    const { backend, kernel, restart } = bench({ journal });
    okay(await backend.sync(full(service({ nodePort: 30_080 }))));
    expect(journal.keys).toEqual(['TCP 10.96.0.10:80', 'TCP 192.0.2.10:30080', 'TCP 192.0.2.11:30080']);
    addOtherServer(kernel);
    okay(await restart().backend.sync(full()));
    expect(servers(kernel)).toBe(OTHER_SERVER_TEXT);
    expect(journal.keys).toEqual([]);
  });

  it('comes from the kernel if the journal is lost, and is written down again', async () => {
    const { backend, kernel, restart } = bench();
    okay(await backend.sync(full(service({ nodePort: 30_080 }))));
    addOtherServer(kernel);
    const journal = memoryJournal();
    const second = restart({ journal });
    okay(await second.backend.sync(full(service())));
    expect(journal.keys).toEqual(['TCP 10.96.0.10:80']);
    expect(servers(kernel)).toContain(OTHER_SERVER_TEXT);
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

/** The rules that earlier versions named otherwise, with the jumps and the set that they need. */
function addObjectsOfEarlierVersion(kernel: FakeKernel): void {
  for (const name of ['KUBE-DROP-OUTSIDERS', 'KUBE-DROP-EXTERNAL', 'KUBE-DROP']) {
    kernel.apply({ kind: 'set-create', set: { ...ipSet('IPv4', 'EXTERNAL-IP-LOCAL', 1), name } });
  }
  const rules = [
    '*nat',
    ':KUBE-SERVICES - [0:0]',
    ':KUBE-MARK-MASQ-FOREIGN - [0:0]',
    '-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ-FOREIGN',
    'COMMIT',
    '*mangle',
    ':KUBE-PROXY-FIREWALL - [0:0]',
    ':KUBE-DROP-OUTSIDERS - [0:0]',
    '-A KUBE-PROXY-FIREWALL -m set --match-set KUBE-DROP dst,dst -j DROP',
    '-A KUBE-PROXY-FIREWALL -m set --match-set KUBE-DROP-OUTSIDERS dst,dst -j KUBE-DROP-OUTSIDERS',
    '-A KUBE-DROP-OUTSIDERS -j DROP',
    'COMMIT\n',
  ];
  kernel.iptables('IPv4').byOthers(rules.join('\n'));
}

describe('cleanup', () => {
  it('leaves no owned object, needs no sync before, and reports nothing the second time', async () => {
    const { backend, kernel, restart } = bench();
    const untouched = dumpKernel(kernel, 'IPv4');
    okay(await backend.sync(full(service({ nodePort: 30_080, loadBalancerIPs: ['203.0.113.9'] }))));
    const other = restart();
    expect(await other.backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(dumpKernel(kernel, 'IPv4')).toBe(untouched);
    expect(await other.backend.cleanup()).toEqual({ outcome: 'ok', removed: [] });
  });

  it('keeps virtual servers for their connections, and without new ones, until these have ended', async () => {
    const { backend, kernel, fake } = bench();
    const cart = service({ name: 'web', clusterIP: '10.96.0.11' });
    okay(await backend.sync(full(service({ nodePort: 30_080 }), cart)));
    const key = 'TCP 10.96.0.10:80';
    const real = [...(kernel.servers.get(key)?.reals.keys() ?? [])][0] ?? '';
    kernel.setConnections(key, real, { active: 1, inactive: 0 });
    const cleanup = { kept: null, keepConnections: true };
    const again = () => cleanUpIpvs({ family: 'IPv4', driver: fake.driver }, cleanup);
    expect(await again()).toMatchObject({ outcome: 'ok', inUse: 1 });
    expect([...kernel.servers.keys()]).toEqual([key]);
    expect([...(kernel.servers.get(key)?.reals.values() ?? [])].map(({ weight }) => weight)).toEqual(
      [...(kernel.servers.get(key)?.reals.keys() ?? [])].map(() => 0),
    );
    expect([...kernel.bound]).toEqual(['10.96.0.10']);
    expect([...kernel.sets.keys()]).toEqual([]);
    expect(await again()).toEqual({ outcome: 'ok', removed: [], inUse: 1 });
    kernel.setConnections(key, real, { active: 0, inactive: 0 });
    expect(await again()).toMatchObject({ outcome: 'ok' });
    expect([[...kernel.servers.keys()], kernel.device]).toEqual([[], 'absent']);
  });

  it('keeps the device as long as the other family uses it', async () => {
    const { backend, kernel } = bench();
    const fake = createFakeIpvs({ family: 'IPv6', kernel });
    const six = createIpvsBackend({ family: 'IPv6', driver: fake.driver });
    okay(await backend.sync(full(service())));
    const node = {
      ...TEST_NODE,
      localDetector: { kind: 'none' },
      clusterIPMasquerade: 'none',
      nodePortIPs: [],
    } as const;
    const cart6 = service({ clusterIP: 'fd00:10:96::a', endpoints: [] });
    okay(await six.sync(change('full', { family: 'IPv6', node, added: [cart6] })));
    await backend.cleanup();
    expect([...kernel.bound]).toEqual(['fd00:10:96::a']);
    expect(kernel.device).toBe('owned');
    await six.cleanup();
    expect(kernel.device).toBe('absent');
    expect([...kernel.sets.keys()]).toEqual([]);
  });

  it('is not needed after kube-proxy: a sync removes its rules', async () => {
    const fresh = bench();
    okay(await fresh.backend.sync(full(service())));
    const { backend, kernel } = bench();
    const rules = [
      '*filter',
      ':KUBE-PROXY-FIREWALL - [0:0]',
      ':KUBE-SOURCE-RANGES-FIREWALL - [0:0]',
      ':KUBE-IPVS-OUT-FILTER - [0:0]',
      '-A INPUT -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL',
      '-A FORWARD -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL',
      '-A OUTPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-OUT-FILTER',
      '-A KUBE-PROXY-FIREWALL -j KUBE-SOURCE-RANGES-FIREWALL',
      '-A KUBE-SOURCE-RANGES-FIREWALL -j DROP',
      '-A KUBE-IPVS-OUT-FILTER -s 203.0.113.9/32 -j DROP',
      'COMMIT\n',
    ];
    kernel.iptables('IPv4').byOthers(rules.join('\n'));
    okay(await backend.sync(full(service())));
    expect(dumpKernel(kernel, 'IPv4')).toBe(dumpKernel(fresh.kernel, 'IPv4'));
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('removes chains and sets by the names of earlier versions, as a sync does', async () => {
    const earlier = bench();
    const untouched = dumpKernel(earlier.kernel, 'IPv4');
    addObjectsOfEarlierVersion(earlier.kernel);
    expect(await earlier.backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(dumpKernel(earlier.kernel, 'IPv4')).toBe(untouched);

    const fresh = bench();
    okay(await fresh.backend.sync(full(service())));
    const { backend, kernel } = bench();
    addObjectsOfEarlierVersion(kernel);
    okay(await backend.sync(full(service())));
    expect(dumpKernel(kernel, 'IPv4')).toBe(dumpKernel(fresh.kernel, 'IPv4'));
    expect([...kernel.sets.keys()]).not.toContain('KUBE-DROP-OUTSIDERS');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('leaves a chain of that name to the iptables mode that jumps to it', async () => {
    const { backend, kernel } = bench();
    const jump =
      '-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL';
    kernel
      .iptables('IPv4')
      .byOthers(`*filter\n:KUBE-PROXY-FIREWALL - [0:0]\n-A KUBE-PROXY-FIREWALL -j DROP\n${jump}\nCOMMIT\n`);
    okay(await backend.sync(full(service())));
    expect(kernel.iptables('IPv4').dump('filter')).toContain('-A KUBE-PROXY-FIREWALL -j DROP');
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

/** Needs a kernel with IPVS, dummy links and ipset, all of its own: `tools/uml-run`. */
import type { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createExecDriver } from '@signalbox/iptables';
import { FAMILIES, type Backend, type Family } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { setName } from '../compile/names.ts';
import { SET_IDS } from '../compile/ip-sets.ts';
import { formatSets } from '../format/ipset.ts';
import { formatServers } from '../format/ipvsadm.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';
import type { IpvsBackendOptions } from '../options.ts';
import { change, full, NOTHING_NEW, service, TEST_NODE } from '../testing/cluster.ts';
import { driverContract } from '../tests/driver-contract.ts';
import type { IpvsDriver } from './ipvs-driver.ts';
import { fileJournal } from './journal.ts';
import { createNetlinkDriver } from './netlink-driver.ts';

const execute = promisify(execFile);

async function run(...[file = '', ...args]: readonly string[]): Promise<string> {
  return (await execute(file, args)).stdout;
}

function newDriver(family: Family): IpvsDriver {
  return createNetlinkDriver({ family, iptables: createExecDriver({ family, variant: 'legacy' }) });
}

for (const family of FAMILIES) {
  const driver = newDriver(family);
  afterAll(() => driver.close());
  const iptables = family === 'IPv4' ? 'iptables-legacy' : 'ip6tables-legacy';
  driverContract({
    name: `the kernel, ${family}`,
    family,
    driver,
    flushChain: async (table, chain) => void (await run(iptables, '-t', table, '-F', chain)),
  });
}

const backends: Backend[] = [];

function start(options: Partial<IpvsBackendOptions> = {}): Backend {
  const family = options.family ?? 'IPv4';
  const backend = createIpvsBackend({ family, driver: newDriver(family), ...options });
  backends.push(backend);
  return backend;
}

afterEach(async () => {
  for (const backend of backends.splice(0)) {
    await backend.cleanup();
    await backend.close();
  }
  await run('ipvsadm', '-C');
});

async function sync(backend: Backend, next = NOTHING_NEW): Promise<Awaited<ReturnType<Backend['sync']>>> {
  const result = await backend.sync(next);
  expect(result.outcome, JSON.stringify(result, null, 1)).toBe('ok');
  return result;
}

const cart = service({
  nodePort: 30_080,
  externalIPs: ['203.0.113.5'],
  loadBalancerIPs: ['203.0.113.9'],
  sourceRanges: { cidrs: ['198.51.100.0/24', '192.0.2.10/32'], alsoAddresses: ['203.0.113.9'] },
  affinitySeconds: 600,
});
const dns = service({ name: 'dns', protocol: 'UDP', clusterIP: '10.96.0.53', port: 53, nodePort: 30_053 });
const sctp = service({ name: 'sctp', protocol: 'SCTP', clusterIP: '10.96.0.54', nodePort: 30_054 });

/** `ipset save` without what is random, sorted as the text of Signalbox is. */
async function savedSets(family: Family): Promise<string> {
  const saved = await run('ipset', 'save');
  const lines = saved.replaceAll(/ bucketsize \d+ initval \S+/g, '').split('\n');
  const texts = SET_IDS.map((id) => setName(family, id)).map((name) => {
    const create = lines.filter((line) => line.startsWith(`create ${name} `));
    const add = lines.filter((line) => line.startsWith(`add ${name} `));
    return [...create, ...add.sort()].map((line) => `${line}\n`).join('');
  });
  return texts.join('');
}

function sorted(text: string): string {
  return text.split('\n').sort().join('\n');
}

describe('output of ipvsadm and ipset', () => {
  for (const scheduler of ['rr', 'wlc', 'sh', 'mh']) {
    it(`equals the text of Signalbox, word for word: ${scheduler}`, async () => {
      const driver = newDriver('IPv4');
      await sync(start({ driver, scheduler }), full(cart, dns, sctp));
      const seen = await driver.observe();
      if (!seen.ok) throw new Error(seen.error.message);
      expect(sorted(formatServers(seen.value.servers.values()))).toBe(sorted(await run('ipvsadm', '-Sn')));
      const sets = SET_IDS.flatMap((id) => seen.value.sets.get(setName('IPv4', id)) ?? []);
      expect(formatSets(sets)).toBe(await savedSets('IPv4'));
      const text = await run('ipvsadm', '-Sn');
      expect(text).toContain(`-A -t 10.96.0.10:80 -s ${scheduler} -p 600`);
      expect(text).toContain('-A --sctp-service 192.0.2.10:30054');
      expect(text.includes('-b mh-port')).toBe(scheduler === 'mh');
    });
  }

  it('IPv6 too', async () => {
    const driver = newDriver('IPv6');
    const six = service({ clusterIP: 'fd00:10:96::a', externalIPs: ['2001:db8:0:b::5'], endpoints: [] });
    const node = {
      ...TEST_NODE,
      localDetector: { kind: 'none' },
      clusterIPMasquerade: 'none',
      nodePortIPs: [],
    } as const;
    const added = [
      { ...six, clusterEndpoints: [{ address: 'fd00:10:244:1::5', port: 8080, isLocal: true }] },
    ];
    await sync(start({ family: 'IPv6', driver }), change('full', { family: 'IPv6', node, added }));
    const seen = await driver.observe();
    expect(seen.ok && sorted(formatServers(seen.value.servers.values()))).toBe(
      sorted(await run('ipvsadm', '-Sn')),
    );
    expect(await run('ip', '-6', '-o', 'address', 'show', 'dev', 'kube-ipvs0')).toContain('deprecated');
    expect(await savedSets('IPv6')).toContain('add KUBE-6-CLUSTER-IP fd00:10:96::a,tcp:80');
  });
});

describe('a backend on the kernel', () => {
  it('repairs what another process removed', async () => {
    const backend = start({ reconcileInterval: 0 });
    await sync(backend, full(cart, dns));
    const good = [await run('ipvsadm', '-Sn'), await savedSets('IPv4')].map(sorted);
    await run('ipvsadm', '-C');
    await run('ipset', 'flush', 'KUBE-CLUSTER-IP');
    await run('ip', 'link', 'delete', 'kube-ipvs0');
    await run('iptables-legacy', '-t', 'nat', '-F');
    expect((await sync(backend)).repaired).toContainEqual({
      kind: 'missing',
      type: 'device',
      name: 'kube-ipvs0',
    });
    expect([await run('ipvsadm', '-Sn'), await savedSets('IPv4')].map(sorted)).toEqual(good);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect((await sync(backend)).repaired).toEqual([]);
  });

  it('replaces sets of another type that its own rules refer to', async () => {
    const desired = start();
    await sync(desired, full(cart, dns));
    const good = [await run('ipvsadm', '-Sn'), await savedSets('IPv4'), await run('ipset', 'list', '-n')];
    await desired.cleanup();
    await run('ipset', 'create', 'KUBE-CLUSTER-IP', 'hash:ip');
    await run('ipset', 'create', 'KUBE-NODE-PORT-TCP', 'bitmap:port', 'range', '30000-32767');
    for (const [set, chain] of [
      ['KUBE-CLUSTER-IP', 'KUBE-SERVICES'],
      ['KUBE-NODE-PORT-TCP', 'KUBE-NODE-PORT'],
    ] as const) {
      await run('iptables-legacy', '-t', 'nat', '-N', chain);
      await run('iptables-legacy', '-t', 'nat', '-A', chain, '-m', 'set', '--match-set', set, 'dst');
    }
    const backend = start({ reconcileInterval: 0 });
    await sync(backend, full(cart, dns));
    expect(await run('ipvsadm', '-Sn')).toBe(good[0]);
    expect(await savedSets('IPv4')).toBe(good[1]);
    expect(sorted(await run('ipset', 'list', '-n'))).toBe(sorted(good[2] ?? ''));
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('names the set of another type that a rule of another program refers to', async () => {
    await run('ipset', 'create', 'KUBE-CLUSTER-IP', 'hash:ip');
    const rule = ['INPUT', '-m', 'set', '--match-set', 'KUBE-CLUSTER-IP', 'src', '-j', 'ACCEPT'];
    await run('iptables-legacy', '-A', ...rule);
    const backend = start({ reconcileInterval: 0 });
    const refused = await backend.sync(full(cart, dns));
    expect(refused).toMatchObject({ outcome: 'failed', error: { code: 'busy' } });
    expect(refused.error?.message).toContain('KUBE-CLUSTER-IP');
    expect(await run('ipset', 'list', 'KUBE4-CLUSTER-IP')).toContain('10.96.0.10,tcp:80');
    await run('iptables-legacy', '-D', ...rule);
    await sync(backend);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect(await run('ipset', 'list', '-n')).not.toContain('KUBE4-');
  });

  it('leaves objects of other programs, through start, sync, restart and cleanup', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'signalbox-ipvs-'));
    const journal = fileJournal(path.join(folder, 'journal.json'));
    await run('ipset', 'create', 'OTHER', 'hash:ip');
    await run('ipvsadm', '-A', '-t', '192.0.2.10:8443', '-s', 'wlc');
    await run('ipvsadm', '-a', '-t', '192.0.2.10:8443', '-r', '198.51.100.3:443', '-g', '-w', '7');
    const otherKeys = await run('ipvsadm', '-Sn');
    const first = start({ journal });
    await sync(first, full(cart, dns));
    await sync(first, change('incremental', { removed: [dns] }));
    const second = start({ journal });
    await sync(second, full(dns));
    expect(await run('ipvsadm', '-Sn')).toContain(otherKeys);
    expect(await second.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(await run('ipvsadm', '-Sn')).toBe(otherKeys);
    expect((await run('ipset', 'list', '-n')).trim()).toBe('OTHER');
    expect(await journal.load()).toBeNull();
    await run('ipset', 'destroy', 'OTHER');
    await rm(folder, { recursive: true });
  });

  it('reports a lost address and a lost device', async () => {
    const driver = newDriver('IPv4');
    const backend = start({ driver });
    await sync(backend, full(cart, dns));
    const reported: string[] = [];
    const waiting: (() => void)[] = [];
    const next = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
    const undo = backend.watch?.((what) => {
      reported.push(what);
      waiting.shift()?.();
    });
    // Until the child listens nothing is reported: an address comes and goes as long as that takes.
    const first = next();
    while (reported.length === 0) {
      await run('ip', 'address', 'add', '10.96.0.99/32', 'dev', 'kube-ipvs0');
      await run('ip', 'address', 'delete', '10.96.0.99/32', 'dev', 'kube-ipvs0');
    }
    await first;
    expect(reported[0]).toBe('address 10.96.0.99 is gone');
    await run('ip', 'link', 'delete', 'kube-ipvs0');
    while (!reported.includes('device kube-ipvs0 is gone')) await next();
    undo?.();
    expect((await sync(backend)).repaired).toContainEqual({
      kind: 'missing',
      type: 'device',
      name: 'kube-ipvs0',
    });
  });

  it('does not expose what listens on all addresses of the host', async () => {
    const backend = start();
    await sync(backend, full(service()));
    const server = await echoServer('0.0.0.0');
    const reach = async (address: string): Promise<string> => {
      const socket = createConnection(8080, address);
      const [end] = (await Promise.race([
        once(socket, 'connect').then(() => ['connected']),
        once(socket, 'error'),
      ])) as [string | NodeJS.ErrnoException];
      socket.destroy();
      return typeof end === 'string' ? end : (end.code ?? '');
    };
    expect(await reach('127.0.0.1')).toBe('connected');
    expect(await reach('10.96.0.10')).toBe('ECONNREFUSED');
    server.close();
  });

  it('lets a real server finish the connections it has, and give it no new ones', async () => {
    const clock = createManualClock();
    const backend = start({ clock });
    const addresses = ['10.244.1.5', '10.244.2.7'] as const;
    for (const address of addresses) await run('ip', 'address', 'add', `${address}/32`, 'dev', 'lo');
    const servers = await Promise.all(addresses.map((address) => echoServer(address)));
    await sync(backend, full(service()));
    const first = await connect();
    const second = await connect();
    const old = first.peer === '10.244.2.7' ? first : second;
    expect(new Set([first.peer, second.peer])).toEqual(new Set(addresses));
    const shrunk = service({ endpoints: ['10.244.1.5'] });
    await sync(backend, change('incremental', { changed: [[service(), shrunk]] }));
    expect(await run('ipvsadm', '-Sn')).toContain('-r 10.244.2.7:8080 -m -w 0');
    expect(await old.ask(), 'an old connection').toBe('10.244.2.7');
    const later = await Promise.all([connect(), connect(), connect()]);
    expect(later.map(({ peer }) => peer)).toEqual(['10.244.1.5', '10.244.1.5', '10.244.1.5']);
    clock.advance(15 * 60_000);
    await sync(backend);
    expect(await run('ipvsadm', '-Sn')).not.toContain('10.244.2.7');
    for (const connection of [first, second, ...later]) connection.close();
    for (const server of servers) server.close();
    for (const address of addresses) await run('ip', 'address', 'delete', `${address}/32`, 'dev', 'lo');
  });
});

/** Answers every line with the address it listens on. */
async function echoServer(address: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(`${address}\n`));
  });
  server.listen(8080, address);
  await once(server, 'listening');
  return server;
}

interface Connection {
  /** Who answers. */
  readonly peer: string;
  ask(): Promise<string>;
  close(): void;
}

async function connect(): Promise<Connection> {
  const socket = createConnection(80, '10.96.0.10');
  await once(socket, 'connect');
  const ask = async (): Promise<string> => {
    socket.write('who\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString('utf8').trim();
  };
  return { peer: await ask(), ask, close: () => socket.destroy() };
}

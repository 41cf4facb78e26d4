import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { type Backend, backendError, fail, fullChange, type Inspection } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createIpvsBackend } from './ipvs-backend.ts';
import { serverOfKey } from './objects/virtual-server.ts';
import { createFakeIpvs, createFakeKernel } from './testing/fake-ipvs.ts';

const WEB = sampleServicePort('IPv4', { index: 1, name: 'web', endpoints: 2, exposed: 'cluster' });
const KEY = 'TCP 10.96.0.1:80';
const LINE = '-t 10.96.0.1:80';

async function synced(before?: (kernel: ReturnType<typeof createFakeKernel>) => void) {
  const kernel = createFakeKernel({ hostAddresses: ['192.0.2.10'] });
  before?.(kernel);
  const faults = { on: false };
  const { driver, operations } = createFakeIpvs({
    family: 'IPv4',
    kernel,
    faults: (operation) => faults.on && operation === 'observe',
  });
  const backend = createIpvsBackend({ family: 'IPv4', driver });
  await backend.sync(fullChange(sampleStateOf('IPv4', [WEB])));
  return { kernel, backend, faults, operations };
}

async function inspected(backend: Backend) {
  const found = (await backend.inspect?.([WEB.key])) as Extract<Inspection, { outcome: 'ok' }>;
  return found.servicePorts.get(WEB.key);
}

async function difference(backend: Backend): Promise<readonly string[]> {
  const found = await backend.difference?.();
  return found?.outcome === 'ok' ? found.lines : ['failed'];
}

describe('an inspection of IPVS', () => {
  it('names virtual servers, real servers, entries of sets and addresses', async () => {
    const { backend } = await synced();
    const objects = (await inspected(backend))?.objects ?? [];
    const [first] = WEB.clusterEndpoints;
    const held = objects.map(({ type, name, within, state }) => [type, name, within, state].join('|'));
    expect(held).toContain(`virtual server|${KEY}||held`);
    expect(held).toContain(`real server|${first?.address}:8080|virtual server ${KEY}|held`);
    expect(held).toContain('entry|10.96.0.1,tcp:80|set KUBE-CLUSTER-IP|held');
    expect(held).toContain('address|10.96.0.1|kube-ipvs0|held');
  });

  it('sums the connections to an endpoint over all virtual servers', async () => {
    const { kernel, backend } = await synced();
    const [first, second] = WEB.clusterEndpoints;
    for (const [key, { reals }] of kernel.servers) {
      const real = [...reals.keys()].find((name) => name.startsWith(first?.address ?? ''));
      kernel.setConnections(key, real ?? '', { active: 1, inactive: 0, connections: 4 });
    }
    expect((await inspected(backend))?.endpoints).toEqual([
      { address: first?.address, port: 8080, connections: 4 * kernel.servers.size },
      { address: second?.address, port: 8080, connections: 0 },
    ]);
  });

  it('reports a virtual server that is not owned as missing', async () => {
    const server = serverOfKey(KEY);
    if (server === null) throw new Error('not a key');
    const { backend } = await synced((kernel) => {
      kernel.servers.set(KEY, { server: { ...server, scheduler: 'wrr' }, reals: new Map() });
    });
    const objects = (await inspected(backend))?.objects ?? [];
    expect(objects.find(({ name }) => name === KEY)?.state).toBe('missing');
  });

  it('takes no step of a change that has not been written', async () => {
    const { backend } = await synced();
    const more = sampleServicePort('IPv4', { index: 2, name: 'more', endpoints: 1 });
    const state = sampleStateOf('IPv4', [WEB, more]);
    const change = { ...fullChange(state), kind: 'incremental' as const, nodeChanged: false };
    const added = { added: [more], changed: [], removed: [] };
    const none = { added: [], changed: [], removed: [] };
    const [, result] = await Promise.all([
      difference(backend),
      backend.sync({ ...change, servicePorts: added, healthChecks: none }),
      inspected(backend),
    ]);
    expect(result.outcome).toBe('ok');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('fails where the kernel cannot be listed', async () => {
    const { backend, faults } = await synced();
    faults.on = true;
    expect(await backend.inspect?.(null)).toMatchObject({ outcome: 'failed' });
    expect(await backend.difference?.()).toMatchObject({ outcome: 'failed' });
  });
});

describe('the difference of IPVS', () => {
  it('needs no second listing of rules where the first one has no difference', async () => {
    const kernel = createFakeKernel({ hostAddresses: ['192.0.2.10'] });
    const { driver } = createFakeIpvs({ family: 'IPv4', kernel });
    const busy = backendError('busy', 'iptables-save', 'the lock is held', { kernel: 'unchanged' });
    const inspector = { ...driver, packetFilterDifference: () => Promise.resolve(fail(busy)) };
    const backend = createIpvsBackend({ family: 'IPv4', driver, inspector });
    await backend.sync(fullChange(sampleStateOf('IPv4', [WEB])));
    expect(await backend.difference?.()).toEqual({ outcome: 'ok', lines: [] });
  });

  it('prints a deleted virtual server with its real servers in the syntax of ipvsadm', async () => {
    const { kernel, backend } = await synced();
    kernel.servers.delete(KEY);
    const [first, second] = WEB.clusterEndpoints;
    expect(await difference(backend)).toEqual([
      `@@ virtual server ${KEY} @@`,
      `+-A ${LINE} -s rr`,
      `+-a ${LINE} -r ${first?.address}:8080 -m -w 1`,
      `+-a ${LINE} -r ${second?.address}:8080 -m -w 1`,
    ]);
  });

  it('prints entries, addresses and rules that another process changed', async () => {
    const { kernel, backend, operations } = await synced();
    const writes = operations.length;
    kernel.sets.get('KUBE-CLUSTER-IP')?.entries.delete('10.96.0.1,tcp:80');
    kernel.bound.delete('10.96.0.1');
    const rules = kernel.iptables('IPv4').dump('nat').split('\n');
    const rule = rules.find((line) => line.startsWith('-A KUBE-POSTROUTING ')) ?? '';
    kernel.iptables('IPv4').byOthers(`*nat\n${rule.replace('-A', '-D')}\nCOMMIT\n`);
    expect(await difference(backend)).toEqual([
      '@@ set KUBE-CLUSTER-IP @@',
      '+add KUBE-CLUSTER-IP 10.96.0.1,tcp:80',
      '@@ device kube-ipvs0 @@',
      '+address add 10.96.0.1 dev kube-ipvs0',
      '@@ chain KUBE-POSTROUTING in table nat @@',
      `+${rule}`,
    ]);
    expect(operations).toHaveLength(writes);
  });
});

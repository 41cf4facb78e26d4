import { fullChange } from '@signalbox/core';
import { sampleChange, sampleNode, sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { describe, expect, it } from 'vitest';
import { createFakeDriver, createFakeNode } from './testing/fake-node.ts';
import { mapping } from './testing/mapping.ts';
import { createUserspaceBackend, type UserspaceBackend } from './userspace-backend.ts';
import type { UserspaceBackendOptions } from './options.ts';

const NOTHING = { added: [], changed: [], removed: [] };
const empty = { ...fullChange(sampleStateOf('IPv4', [])), kind: 'incremental', nodeChanged: false } as const;

function set(options: Partial<UserspaceBackendOptions> = {}) {
  const node = createFakeNode(['192.0.2.10', '127.0.0.1']);
  const driver = createFakeDriver({ family: 'IPv4', node });
  const backend: UserspaceBackend = createUserspaceBackend({ family: 'IPv4', driver, ...options });
  const sync = (...ports: Parameters<typeof sampleServicePort>[1][]) =>
    backend.sync(
      fullChange(
        sampleStateOf(
          'IPv4',
          ports.map((shape) => sampleServicePort('IPv4', shape)),
        ),
      ),
    );
  return { node, backend, sync };
}

describe('the userspace backend', () => {
  it('reports an SCTP port as a failure of its service port, and serves the others', async () => {
    const { node, sync } = set();
    const result = await sync({ index: 1, protocol: 'SCTP' }, { index: 2 });
    expect(result.outcome).toBe('partial');
    expect(result.failures).toMatchObject([{ error: { code: 'unsupported' } }]);
    expect(result.failures[0]?.error.message).toContain('shop/service-1:http');
    expect([...node.listeners.keys()]).toEqual(['TCP 10.96.0.2:80']);
  });

  it('reports a port that is in use as a failure of its service port, and opens it when it is free', async () => {
    const { node, backend, sync } = set();
    node.busy.add('TCP 192.0.2.10:30001');
    const result = await sync({ index: 1, exposed: 'cluster' }, { index: 2 });
    expect(result.outcome).toBe('partial');
    expect(result.failures).toMatchObject([
      { key: sampleServicePort('IPv4', { index: 1 }).key, error: { code: 'busy' } },
    ]);
    expect([...node.listeners.keys()].toSorted()).toEqual([
      'TCP 10.96.0.1:80',
      'TCP 10.96.0.2:80',
      'TCP 203.0.113.1:80',
    ]);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    node.busy.clear();
    const again = await backend.sync(sampleChange(empty, sampleServicePort('IPv4', { index: 3 })));
    expect(again.outcome).toBe('ok');
    expect(node.listeners.has('TCP 192.0.2.10:30001')).toBe(true);
  });

  it('leaves the device at a cleanup while it has addresses of the other family', async () => {
    const { node, backend, sync } = set();
    await sync({ index: 1 });
    node.addresses.set('fd00::1', 'IPv6');
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect([node.device, [...node.addresses.keys()]]).toEqual(['present', ['fd00::1']]);
    node.addresses.clear();
    expect(await backend.cleanup()).toMatchObject({ outcome: 'ok' });
    expect(node.device).toBe('absent');
  });

  it('opens what waited for the device with the next change, once the device can be created', async () => {
    const node = createFakeNode(['127.0.0.1']);
    const failing = { on: true };
    const driver = createFakeDriver({
      family: 'IPv4',
      node,
      faults: (moment) => failing.on && moment === 'device-create, before',
    });
    const backend = createUserspaceBackend({ family: 'IPv4', driver });
    const first = await backend.sync(
      fullChange(sampleStateOf('IPv4', [sampleServicePort('IPv4', { index: 1 })])),
    );
    expect(first.outcome).toBe('failed');
    failing.on = false;
    const second = await backend.sync(sampleChange(empty, sampleServicePort('IPv4', { index: 2 })));
    expect(second.outcome).toBe('ok');
    expect([...node.listeners.keys()].toSorted()).toEqual(['TCP 10.96.0.1:80', 'TCP 10.96.0.2:80']);
  });

  it('has no socket for a frontend without endpoints, so that the kernel refuses connections', async () => {
    const { node, sync } = set();
    await sync({ index: 1, endpoints: 0 });
    expect([...node.addresses.keys()]).toEqual(['10.96.0.1']);
    expect(node.listeners.size).toBe(0);
  });

  it('serves mapped addresses and node ports without a device, and counts the frontends that it cannot serve', async () => {
    const mappings = [mapping('10.96.0.0/16=127.96.0.0/16')];
    const { node, sync } = set({ serviceAddresses: 'none', mappings });
    const result = await sync({ index: 1, exposed: 'cluster' });
    expect(result.outcome).toBe('ok');
    expect([...node.listeners.keys()].toSorted()).toEqual(['TCP 127.96.0.1:80', 'TCP 192.0.2.10:30001']);
    expect(node.device).toBe('absent');
    expect(result.counters['unreachable frontends']).toBe(1);
  });

  it('serves endpoints at mapped addresses too', async () => {
    const mappings = [mapping('10.96.0.0/16=127.96.0.0/16'), mapping('10.244.0.0/16=127.244.0.0/16')];
    const { node, sync } = set({ serviceAddresses: 'none', mappings });
    await sync({ index: 1, endpoints: 1 });
    const [listener] = node.listeners.values();
    expect(listener?.servicePort.clusterEndpoints.map(({ address }) => address)).toEqual(['127.244.0.16']);
    expect(listener?.servicePort.servingEndpoints.map(({ address }) => address)).toEqual(['127.244.0.16']);
  });

  it('keeps the lists of mapped endpoints, to which turns and tables belong, when it compiles them again', async () => {
    const mappings = [mapping('10.96.0.0/16=127.96.0.0/16'), mapping('10.244.0.0/16=127.244.0.0/16')];
    const { node, backend, sync } = set({ serviceAddresses: 'none', mappings });
    const endpoints = (): readonly unknown[] => {
      const [listener] = node.listeners.values();
      const { clusterEndpoints, localEndpoints, servingEndpoints } = listener?.servicePort ?? {};
      return [clusterEndpoints, localEndpoints, servingEndpoints];
    };
    await sync({ index: 1, endpoints: 2 });
    const before = endpoints();
    const moved = { ...sampleNode('IPv4'), nodePortIPs: ['127.0.0.1'] };
    const updates = node.operations.length;
    await backend.sync({ ...empty, nodeChanged: true, node: moved, servicePorts: NOTHING });
    expect(node.operations.slice(updates)).not.toEqual([]);
    endpoints().forEach((list, at) => expect(list).toBe(before[at]));
  });

  it('does not assign an address that another device has', async () => {
    const { node, backend } = set();
    const port = sampleServicePort('IPv4', { index: 1 });
    const frontends = port.frontends.map((each) => ({ ...each, address: '192.0.2.10' }));
    const result = await backend.sync(fullChange(sampleStateOf('IPv4', [{ ...port, frontends }])));
    expect(result.outcome).toBe('ok');
    expect([...node.addresses.keys()]).toEqual([]);
    expect([...node.listeners.keys()]).toEqual(['TCP 192.0.2.10:80']);
  });

  it('does not modify a device of its name with a kind that it does not create', async () => {
    const { node, backend, sync } = set();
    node.device = 'not-owned';
    const result = await sync({ index: 1 });
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'exists' } });
    expect(node.operations).toEqual([]);
    expect(await backend.cleanup()).toEqual({ outcome: 'ok', removed: [] });
  });

  it('moves node ports when the addresses of the node change', async () => {
    const { node, backend, sync } = set();
    await sync({ index: 1, exposed: 'cluster' });
    const change = {
      ...empty,
      nodeChanged: true,
      node: { ...sampleNode('IPv4'), nodePortIPs: ['127.0.0.1'] },
      servicePorts: NOTHING,
    };
    expect((await backend.sync(change)).outcome).toBe('ok');
    expect(node.listeners.has('TCP 192.0.2.10:30001')).toBe(false);
    expect(node.listeners.has('TCP 127.0.0.1:30001')).toBe(true);
  });

  it('completes a cleanup that failed after some of its steps', async () => {
    const node = createFakeNode(['192.0.2.10']);
    const failing = { left: 0 };
    const faults = (operation: string): boolean =>
      operation.startsWith('address-delete') && failing.left-- > 0;
    const driver = createFakeDriver({ family: 'IPv4', node, faults });
    const backend = createUserspaceBackend({ family: 'IPv4', driver });
    await backend.sync(fullChange(sampleStateOf('IPv4', [sampleServicePort('IPv4', { index: 1 })])));
    failing.left = 1;
    expect((await backend.cleanup()).outcome).toBe('failed');
    expect((await backend.cleanup()).outcome).toBe('ok');
    expect([node.device, node.addresses.size, node.listeners.size]).toEqual(['absent', 0, 0]);
    const again = await backend.sync(empty);
    expect([again.outcome, again.repaired]).toEqual(['ok', []]);
    expect(node.listeners.has('TCP 10.96.0.1:80')).toBe(true);
  });
});

import type { Backend, SyncResult } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { createIpvsBackend } from './ipvs-backend.ts';
import { change, full, NOTHING_NEW, service } from './testing/cluster.ts';
import { createFakeIpvs, createFakeKernel } from './testing/fake-ipvs.ts';
import type { FakeKernel } from './testing/fake-kernel.ts';

const KEY = 'TCP 10.96.0.10:80';
const MINUTE = 60_000;
const both = service();
const one = service({ endpoints: ['10.244.1.5'] });

interface Node {
  readonly kernel: FakeKernel;
  readonly clock: ManualClock;
  backend: Backend;
}

const node: Node = newNode();

function newNode(): Node {
  const [kernel, clock] = [createFakeKernel(), createManualClock()];
  return { kernel, clock, backend: start(kernel, clock) };
}

function start(kernel: FakeKernel, clock: ManualClock): Backend {
  const { driver } = createFakeIpvs({ family: 'IPv4', kernel });
  return createIpvsBackend({ family: 'IPv4', driver, clock, gracefulMaxAge: 15 * MINUTE });
}

function restart(): void {
  node.backend = start(node.kernel, node.clock);
}

/** Real server → weight. */
function weights(key = KEY): Readonly<Record<string, number>> {
  const reals = node.kernel.servers.get(key)?.reals ?? new Map();
  return Object.fromEntries([...reals].map(([real, { weight }]) => [real, weight]));
}

async function sync(next = NOTHING_NEW): Promise<SyncResult> {
  const result = await node.backend.sync(next);
  expect(result.outcome, JSON.stringify(result.failures)).toBe('ok');
  return result;
}

const shrink = change('incremental', { changed: [[both, one]] });
const grow = change('incremental', { changed: [[one, both]] });
const connections = (active: number, inactive: number): void =>
  node.kernel.setConnections(KEY, '10.244.2.7:8080', { active, inactive });

beforeEach(async () => {
  Object.assign(node, newNode());
  await sync(full(both));
});

describe('a TCP endpoint that is no longer desired', () => {
  it('goes at once when no client is connected', async () => {
    const { counters } = await sync(shrink);
    expect(weights()).toEqual({ '10.244.1.5:8080': 1 });
    expect(counters).toMatchObject({ real_servers_deleted: 1, terminating_real_servers: 0 });
  });

  it('stays when it is desired again and another process has restored its weight', async () => {
    connections(1, 0);
    await sync(shrink);
    const reals = node.kernel.servers.get(KEY)?.reals;
    const real = reals?.get('10.244.2.7:8080');
    if (real !== undefined) reals?.set('10.244.2.7:8080', { ...real, weight: 1 });
    await sync(full(both));
    connections(0, 0);
    node.clock.advance(MINUTE);
    await sync();
    expect(weights()).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 1 });
  });

  it('takes no new connections, and goes with the last one', async () => {
    connections(1, 1);
    expect((await sync(shrink)).counters['terminating_real_servers']).toBe(1);
    expect(weights()).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 0 });
    connections(0, 1);
    node.clock.advance(MINUTE);
    await sync();
    expect(weights()).toHaveProperty(['10.244.2.7:8080'], 0);
    connections(0, 0);
    node.clock.advance(MINUTE);
    await sync();
    expect(weights()).toEqual({ '10.244.1.5:8080': 1 });
  });

  it('is forgotten when another process deletes it, and added as a new one when it is desired again', async () => {
    connections(1, 0);
    await sync(shrink);
    const server = node.kernel.servers.get(KEY)?.server;
    if (server === undefined) throw new Error(`there is no ${KEY}`);
    const real = { address: '10.244.2.7', port: 8080, weight: 0 };
    node.kernel.apply({ kind: 'real-delete', server, real });
    node.clock.advance(MINUTE);
    expect((await sync()).counters['terminating_real_servers']).toBe(0);
    await sync(grow);
    expect(weights()).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 1 });
  });

  it('is looked at once a minute, not more', async () => {
    connections(1, 0);
    await sync(shrink);
    connections(0, 0);
    node.clock.advance(MINUTE - 1);
    await sync();
    expect(weights()).toHaveProperty(['10.244.2.7:8080']);
    node.clock.advance(1);
    await sync();
    expect(weights()).not.toHaveProperty(['10.244.2.7:8080']);
  });

  it('goes after the longest time, connected or not', async () => {
    connections(5, 0);
    await sync(shrink);
    node.clock.advance(15 * MINUTE - 1);
    await sync();
    expect(weights()).toHaveProperty(['10.244.2.7:8080'], 0);
    node.clock.advance(MINUTE);
    await sync();
    expect(weights()).toEqual({ '10.244.1.5:8080': 1 });
  });

  it('serves again, with its connections, if it is desired again', async () => {
    connections(3, 0);
    await sync(shrink);
    await sync(grow);
    expect(weights()).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 1 });
    expect(node.kernel.servers.get(KEY)?.reals.get('10.244.2.7:8080')?.active).toBe(3);
    node.clock.advance(60 * MINUTE);
    await sync();
    expect(weights()).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 1 });
  });

  it('is no drift while it terminates', async () => {
    connections(1, 0);
    await sync(shrink);
    expect(await node.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    node.clock.advance(10 * MINUTE);
    expect((await sync()).repaired).toEqual([]);
  });

  it('goes with its virtual server', async () => {
    connections(1, 0);
    await sync(shrink);
    await sync(change('incremental', { removed: [one] }));
    expect([...node.kernel.servers.keys()]).toEqual([]);
    expect((await sync()).counters['terminating_real_servers']).toBe(0);
  });
});

describe('after a restart', () => {
  it('terminating servers go on to terminate, their time starts anew', async () => {
    connections(1, 0);
    await sync(shrink);
    node.clock.advance(10 * MINUTE);
    restart();
    expect((await sync(full(one))).counters['terminating_real_servers']).toBe(1);
    expect(weights()).toHaveProperty(['10.244.2.7:8080'], 0);
    node.clock.advance(10 * MINUTE);
    await sync();
    expect(weights()).toHaveProperty(['10.244.2.7:8080'], 0);
    node.clock.advance(5 * MINUTE);
    await sync();
    expect(weights()).toEqual({ '10.244.1.5:8080': 1 });
  });

  it('an endpoint that went meanwhile terminates too', async () => {
    connections(2, 0);
    restart();
    await sync(full(one));
    expect(weights()).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 0 });
  });

  it('a desired server that terminated serves again', async () => {
    connections(1, 0);
    await sync(shrink);
    restart();
    await sync(full(both));
    expect(weights()).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 1 });
  });
});

describe('UDP and SCTP endpoints', () => {
  for (const protocol of ['UDP', 'SCTP'] as const) {
    describe(`${protocol}, terminating while they still serve`, () => {
      const name = { name: 'dns', clusterIP: '10.96.0.53', protocol };
      const key = `${protocol} 10.96.0.53:80`;
      const chosen = service(name);
      const terminating = service({ ...name, endpoints: ['10.244.1.5'], alsoServing: ['10.244.2.7'] });
      const gone = service({ ...name, endpoints: ['10.244.1.5'] });
      const flows = (inactive: number): void =>
        node.kernel.setConnections(key, '10.244.2.7:8080', { active: 0, inactive });

      beforeEach(async () => {
        await sync(change('incremental', { added: [chosen] }));
        flows(3);
        await sync(change('incremental', { changed: [[chosen, terminating]] }));
      });

      it('S46: stay with weight 0, however long, until they do not serve any more', async () => {
        expect(weights(key)).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 0 });
        node.clock.advance(60 * MINUTE);
        const { counters } = await sync();
        expect(counters['terminating_real_servers']).toBe(1);
        expect(weights(key)).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 0 });
        const { counters: after } = await sync(change('incremental', { changed: [[terminating, gone]] }));
        expect(after['terminating_real_servers']).toBe(0);
        expect(weights(key)).toEqual({ '10.244.1.5:8080': 1 });
      });

      it('go with their last flow', async () => {
        flows(0);
        node.clock.advance(MINUTE);
        await sync();
        expect(weights(key)).toEqual({ '10.244.1.5:8080': 1 });
      });

      it('stay through a restart, and are no drift', async () => {
        restart();
        await sync(full(both, terminating));
        expect(weights(key)).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 0 });
        expect(await node.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
        await sync(full(both, gone));
        expect(weights(key)).toEqual({ '10.244.1.5:8080': 1 });
      });

      it('serve again, with their flows, if they are chosen again', async () => {
        await sync(change('incremental', { changed: [[terminating, chosen]] }));
        expect(weights(key)).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 1 });
        node.clock.advance(60 * MINUTE);
        await sync();
        expect(weights(key)).toEqual({ '10.244.1.5:8080': 1, '10.244.2.7:8080': 1 });
      });
    });

    it(`${protocol}: go at once when they do not serve any more`, async () => {
      const name = { name: 'dns', clusterIP: '10.96.0.53', protocol };
      const [before, after] = [service(name), service({ ...name, endpoints: ['10.244.1.5'] })];
      await sync(change('incremental', { added: [before] }));
      const key = `${protocol} 10.96.0.53:80`;
      node.kernel.setConnections(key, '10.244.2.7:8080', { active: 0, inactive: 9 });
      await sync(change('incremental', { changed: [[before, after]] }));
      expect(weights(key)).toEqual({ '10.244.1.5:8080': 1 });
    });
  }
});

it('all endpoints gone: the virtual server stays for the connections, and new ones are refused', async () => {
  connections(1, 0);
  const none = service({ endpoints: [] });
  await sync(change('incremental', { changed: [[both, none]] }));
  expect(weights()).toEqual({ '10.244.2.7:8080': 0 });
});

import { type AffinityClient } from '@signalbox/backend-kit';
import { sampleServicePort } from '@signalbox/backend-kit/testing';
import { backendError, type DesiredServicePort, succeed } from '@signalbox/core';
import type { RecentEntry, RecentLists } from '@signalbox/iptables';
import { describe, expect, it } from 'vitest';
import { endpointChain } from '../compile/names.ts';
import { readAffinityClients, writeAffinityClients } from './affinity-clients.ts';

const TIMEOUT = 600;
const service = sampleServicePort('IPv4', { endpoints: 2, affinitySeconds: TIMEOUT });
const chainOf = (at: number, of: DesiredServicePort = service): string => {
  const endpoint = of.clusterEndpoints[at];
  if (endpoint === undefined) throw new RangeError(`no endpoint ${at}`);
  return endpointChain(of.name, endpoint);
};

/** A kernel of 250 ticks per second, 1000 s after its start. */
const UPTIME = 1000;
const NOW = 2 ** 32 + (UPTIME - 300) * 250;
const ago = (seconds: number): number => NOW - seconds * 250;

interface FakeLists extends RecentLists {
  readonly content: Map<string, RecentEntry[]>;
}

/** As xt_recent: the latest client first, and of each list so many. */
function fakeLists(
  content: Record<string, RecentEntry[]>,
  { now = NOW, capacity = 100, readOnly = false } = {},
): FakeLists {
  const lists = new Map(Object.entries(content));
  return {
    content: lists,
    names: () => Promise.resolve(succeed([...lists.keys()])),
    read: (name) => Promise.resolve(succeed(lists.get(name) ?? [])),
    touch: (name, address) => {
      const list = lists.get(name);
      if (readOnly) return Promise.resolve(backendError('not-permitted', name, 'EACCES'));
      if (list === undefined) return Promise.resolve(backendError('not-found', name, 'ENOENT'));
      const others = list.filter((each) => each.address !== address);
      lists.set(name, [{ address, lastSeen: now }, ...others].slice(0, capacity));
      return Promise.resolve(null);
    },
  };
}

async function read(lists: RecentLists): Promise<readonly (readonly [string, string, number])[]> {
  const found = await readAffinityClients([service], { lists, uptime: () => UPTIME });
  if (!found.ok) throw new Error(found.error.message);
  return found.value.map(({ client, endpoint, remaining }) => [client, endpoint.address, remaining / 1000]);
}

const [first = '', second = ''] = service.clusterEndpoints.map(({ address }) => address);

describe('clients in the lists of xt_recent', () => {
  it('keep the rest of their time, and those whose time is over are left out', async () => {
    const lists = fakeLists({
      [chainOf(0)]: [
        { address: '10.0.0.1', lastSeen: ago(100) },
        { address: '10.0.0.2', lastSeen: ago(700) },
      ],
      [chainOf(1)]: [{ address: '10.0.0.3', lastSeen: ago(599) }],
      'KUBE-SEP-OTHER': [{ address: '10.0.0.4', lastSeen: ago(1) }],
    });
    expect(await read(lists)).toEqual([
      ['10.0.0.1', first, 500],
      ['10.0.0.3', second, 1],
    ]);
  });

  it('stay at the endpoint that they used last', async () => {
    const lists = fakeLists({
      [chainOf(0)]: [{ address: '10.0.0.1', lastSeen: ago(50) }],
      [chainOf(1)]: [{ address: '10.0.0.1', lastSeen: ago(20) }],
    });
    expect(await read(lists)).toEqual([['10.0.0.1', second, 580]]);
  });

  it.each([
    ['the lists cannot be written', { readOnly: true }],
    ['the rate of the ticks is unknown', { now: NOW * 2 }],
  ])('have their whole time, and still their last endpoint, if %s', async (_, options) => {
    const lists = fakeLists(
      {
        [chainOf(0)]: [{ address: '10.0.0.1', lastSeen: ago(50) }],
        [chainOf(1)]: [{ address: '10.0.0.1', lastSeen: ago(20) }],
      },
      options,
    );
    expect(await read(lists)).toEqual([['10.0.0.1', second, TIMEOUT]]);
  });

  it('are none without lists, without entries and without Services with affinity', async () => {
    expect(await read(fakeLists({}))).toEqual([]);
    expect(await read(fakeLists({ [chainOf(0)]: [] }))).toEqual([]);
    const lists = fakeLists({ [chainOf(0)]: [{ address: '10.0.0.1', lastSeen: NOW }] });
    const without = { ...service, affinity: null };
    expect(await readAffinityClients([without], { lists, uptime: () => UPTIME })).toEqual(succeed([]));
  });

  it('are written with the longest remaining time last, which a full list keeps', async () => {
    const endpoint = service.clusterEndpoints[0];
    if (endpoint === undefined) throw new RangeError('no endpoint');
    const of = (client: string, remaining: number): AffinityClient => ({
      servicePort: service.name,
      endpoint,
      client,
      remaining,
    });
    const lists = fakeLists({ [chainOf(0)]: [] }, { capacity: 2 });
    const clients = [of('10.0.0.1', 9000), of('10.0.0.2', 1000), of('10.0.0.3', 5000)];
    expect(await writeAffinityClients(clients, lists)).toBeNull();
    expect(lists.content.get(chainOf(0))?.map(({ address }) => address)).toEqual(['10.0.0.1', '10.0.0.3']);
  });

  it('are skipped where no rule refers to a list', async () => {
    const endpoint = service.clusterEndpoints[1];
    if (endpoint === undefined) throw new RangeError('no endpoint');
    const lists = fakeLists({ [chainOf(0)]: [] });
    const clients = [{ servicePort: service.name, endpoint, client: '10.0.0.1', remaining: 1 }];
    expect(await writeAffinityClients(clients, lists)).toBeNull();
    expect([...lists.content]).toEqual([[chainOf(0), []]]);
  });
});

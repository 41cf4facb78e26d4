import { affinityEndpoints, type AffinityClient } from '@signalbox/backend-kit';
import { sampleServicePort } from '@signalbox/backend-kit/testing';
import { FAMILIES, type Family } from '@signalbox/core';
import {
  createNftablesClient,
  type NetlinkMessage,
  type NetlinkRequest,
  type NetlinkTransport,
  type NftablesSetState,
} from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { affinityEndpoint } from '../compile/names.ts';
import { readAffinityClients, writeAffinityClients } from './affinity-clients.ts';
import type { Kernel } from './kernel.ts';

const ADDRESSES: Readonly<Record<Family, readonly string[]>> = {
  IPv4: ['198.51.100.1', '198.51.100.2', '198.51.100.3'],
  IPv6: ['2001:db8::1', '2001:db8::2', '2001:db8::3'],
};

/** A kernel with these sets, which lists the elements that were written to it. */
function kernelWith(family: Family, names: readonly string[]): Kernel {
  const messages = new Map(names.map((name) => [name, [] as NetlinkMessage[]]));
  const messagesOf = ({ payload }: NetlinkRequest): NetlinkMessage[] =>
    [...messages].flatMap(([name, written]) =>
      Buffer.from(payload).includes(`${name}\0`) ? [written] : [],
    )[0] ?? [];
  const transport: Pick<NetlinkTransport, 'transaction' | 'dump'> = {
    transaction({ requests }) {
      for (const request of requests) {
        const { type, flags, payload } = request;
        messagesOf(request).push({ type, flags, sequence: 0, payload: Buffer.from(payload) });
      }
      return Promise.resolve({ ok: true, value: null });
    },
    dump(request, read) {
      const items = messagesOf(request)
        .map(read)
        .filter((item) => item !== undefined);
      return Promise.resolve({ ok: true, value: { items, quality: 'consistent' } });
    },
  };
  const client = createNftablesClient({}, transport as NetlinkTransport, transport as NetlinkTransport);
  const sets = names.map((name) => ({ name }) as NftablesSetState);
  return { family, client: { ...client, listSets: () => Promise.resolve({ ok: true, value: sets }) } };
}

describe.each(FAMILIES)('clients with session affinity in the sets, %s', (family) => {
  const service = sampleServicePort(family, { endpoints: 2, affinitySeconds: 600 });
  const places = affinityEndpoints([service]);
  const sets = places.map(({ endpoint }) => affinityEndpoint(service.name, endpoint).set);
  const clientOf = (address: number, place: number, remaining: number): AffinityClient[] => {
    const endpoint = places[place]?.endpoint;
    const client = ADDRESSES[family][address] ?? '';
    return endpoint === undefined ? [] : [{ servicePort: service.name, endpoint, client, remaining }];
  };

  it('are read as they were written, several of one endpoint', async () => {
    const kernel = kernelWith(family, sets);
    const clients = [...clientOf(0, 0, 590_000), ...clientOf(1, 0, 1000), ...clientOf(2, 1, 300_000)];
    expect(clients).toHaveLength(3);
    expect(await writeAffinityClients(kernel, clients)).toBeNull();
    expect(await readAffinityClients(kernel, [service])).toEqual({ ok: true, value: clients });
  });

  it('are left out where the endpoint has no set', async () => {
    const kernel = kernelWith(family, sets.slice(1));
    const kept = clientOf(2, 1, 300_000);
    expect(await writeAffinityClients(kernel, [...clientOf(0, 0, 590_000), ...kept])).toBeNull();
    expect(await readAffinityClients(kernel, [service])).toEqual({ ok: true, value: kept });
  });
});

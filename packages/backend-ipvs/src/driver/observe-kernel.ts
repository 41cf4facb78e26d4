/** The whole state of one family, listed. */
import { otherServiceDevices } from '@signalbox/backend-kit';
import type { Family, Result } from '@signalbox/core';
import { toResult, type IpvsServiceState, type LinkAddressState } from '@signalbox/netlink';
import { detourName, obsoleteSets, setName } from '../compile/names.ts';
import { SET_IDS } from '../compile/ip-sets.ts';
import { decodeSet } from '../encode/ipset-entry.ts';
import { decodeReal, decodeServer, encodeServiceKey } from '../encode/ipvs-change.ts';
import { SERVICE_DEVICE } from '../objects/bound-address.ts';
import type { Observed, ObservedServer, ObservedSet } from '../objects/kernel-state.ts';
import { realServerKey, type RealServerKey, type RealServerStatus } from '../objects/real-server.ts';
import { virtualServerKey, type VirtualServer, type VirtualServerKey } from '../objects/virtual-server.ts';
import type { Clients } from './clients.ts';
import { findDevice } from './device.ts';
import { hasIpset, hasIpvs } from './kernel-facts.ts';

/** `onDevice` gets the index of the service device, `null` if there is none. */
export async function observeKernel(
  clients: Clients,
  family: Family,
  onDevice: (index: number | null) => void,
): Promise<Result<Observed>> {
  const addresses = await observeAddresses(clients, family, onDevice);
  if (!addresses.ok) return addresses;
  const servers = await observeServers(clients, family);
  if (!servers.ok) return servers;
  const sets = await observeSets(clients, family);
  if (!sets.ok) return sets;
  return { ok: true, value: { ...addresses.value, servers: servers.value, sets: sets.value } };
}

type Addresses = Pick<Observed, 'device' | 'boundAddresses' | 'deviceShared' | 'hostAddresses'>;

async function observeAddresses(
  clients: Clients,
  family: Family,
  onDevice: (index: number | null) => void,
): Promise<Result<Addresses>> {
  const found = toResult(await findDevice(clients));
  if (!found.ok && found.error.code !== 'not-found') return found;
  const listed = toResult(await clients.route.listAddresses());
  if (!listed.ok) return listed;
  const device = deviceState(found.ok ? found.value : null);
  const index = device === 'owned' && found.ok ? found.value.index : null;
  onDevice(index);
  const others = await otherServiceDevices((link) => clients.route.getLink(link), SERVICE_DEVICE);
  const owned = listed.value.filter((each) => each.linkIndex === index && each.scope !== 'link');
  return {
    ok: true,
    value: {
      device,
      boundAddresses: textsOf(owned, family),
      deviceShared: owned.some((each) => each.family !== family),
      hostAddresses: textsOf(
        listed.value.filter(({ linkIndex }) => linkIndex !== index && !others.has(linkIndex)),
        family,
      ),
    },
  };
}

function deviceState(link: { readonly kind?: string } | null): Observed['device'] {
  if (link === null) return 'absent';
  return link.kind === 'dummy' ? 'owned' : 'not-dummy';
}

function textsOf(addresses: readonly LinkAddressState[], family: Family): ReadonlySet<string> {
  return new Set(addresses.filter((each) => each.family === family).map(({ address }) => address));
}

async function observeServers(
  clients: Clients,
  family: Family,
): Promise<Result<ReadonlyMap<VirtualServerKey, ObservedServer>>> {
  const servers = new Map<VirtualServerKey, ObservedServer>();
  if (!(await hasIpvs())) return { ok: true, value: servers };
  const services = toResult(await clients.ipvs.listServices(family));
  if (!services.ok) return services;
  const known = services.value.flatMap((service: IpvsServiceState) => decodeServer(service) ?? []);
  const reals = await observeReals(clients, known);
  if (!reals.ok) return reals;
  for (const server of known) {
    const key = virtualServerKey(server);
    servers.set(key, { server, reals: reals.value.get(key) ?? new Map() });
  }
  return { ok: true, value: servers };
}

/** Real servers by virtual server; none for one that is not there. */
export async function observeReals(
  { ipvs }: Clients,
  servers: readonly VirtualServer[],
): Promise<Result<ReadonlyMap<VirtualServerKey, ReadonlyMap<RealServerKey, RealServerStatus>>>> {
  const found = new Map<VirtualServerKey, ReadonlyMap<RealServerKey, RealServerStatus>>();
  for (const server of servers) {
    const listed = toResult(await ipvs.listDestinations(encodeServiceKey(server)));
    if (!listed.ok) return listed;
    const reals = listed.value.map(decodeReal);
    found.set(virtualServerKey(server), new Map(reals.map((real) => [realServerKey(real), real])));
  }
  return { ok: true, value: found };
}

async function observeSets(
  { ipset }: Clients,
  family: Family,
): Promise<Result<ReadonlyMap<string, ObservedSet>>> {
  const sets = new Map<string, ObservedSet>();
  if (!(await hasIpset())) return { ok: true, value: sets };
  const names = toResult(await ipset.listNames());
  if (!names.ok) return names;
  const there = new Set(names.value);
  const ids = SET_IDS.flatMap((id) => [setName(family, id), detourName(family, id)]);
  for (const name of [...ids, ...obsoleteSets(family)]) {
    if (!there.has(name)) continue;
    const listed = toResult(await ipset.listSets(name));
    if (!listed.ok) return listed;
    for (const state of listed.value) sets.set(state.name, decodeSet(state));
  }
  return { ok: true, value: sets };
}

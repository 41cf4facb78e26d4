/** Clients with session affinity in the sets of nftables mode, read and written from outside of the rules. */
import { affinityEndpoints, type AffinityClient, latestOfEach } from '@signalbox/backend-kit';
import { type BackendError, type DesiredServicePort, fail, type Result, succeed } from '@signalbox/core';
import {
  addressBytes,
  addressText,
  encodeAddElements,
  type NftablesElement,
  toBackendError,
  toResult,
} from '@signalbox/netlink';
import { affinityEndpoint } from '../compile/names.ts';
import { tableOf } from '../encode/operation-requests.ts';
import type { Kernel } from './kernel.ts';

/** Of Signalbox, or of kube-proxy in nftables mode. */
export async function readAffinityClients(
  kernel: Kernel,
  services: Iterable<DesiredServicePort>,
): Promise<Result<readonly AffinityClient[]>> {
  const existing = await setNames(kernel);
  if (!existing.ok) return existing;
  const clients: AffinityClient[] = [];
  for (const { servicePort, endpoint, timeout } of existing.value.size === 0
    ? []
    : affinityEndpoints(services)) {
    const { set } = affinityEndpoint(servicePort.name, endpoint);
    if (!existing.value.has(set)) continue;
    const elements = await kernel.client.listElements(tableOf(kernel.family), set);
    if (!elements.ok) return fail(toBackendError(elements.error));
    for (const { key, expiration } of elements.value) {
      const client = addressText(Buffer.from(key));
      if (client === undefined || expiration === undefined) continue;
      clients.push({
        servicePort: servicePort.name,
        endpoint,
        client,
        remaining: Math.min(timeout, expiration),
      });
    }
  }
  return succeed(latestOfEach(clients));
}

/** A transaction for each set: a client that is there already stays as it is. */
export async function writeAffinityClients(
  kernel: Kernel,
  clients: readonly AffinityClient[],
): Promise<BackendError | null> {
  const existing = await setNames(kernel);
  if (!existing.ok) return existing.error;
  const elements = new Map<string, NftablesElement[]>();
  for (const { servicePort, endpoint, client, remaining } of clients) {
    const { set } = affinityEndpoint(servicePort, endpoint);
    if (!existing.value.has(set)) continue;
    const ofSet = elements.get(set) ?? [];
    elements.set(set, ofSet);
    ofSet.push({ key: addressBytes(client), expiration: remaining });
  }
  for (const [set, of] of elements) {
    const written = await kernel.client.commit(encodeAddElements(tableOf(kernel.family), set, of));
    if (!written.ok) return toBackendError(written.error);
  }
  return null;
}

/** Without the table, or without nf_tables in the kernel: none. */
async function setNames({ client, family }: Kernel): Promise<Result<ReadonlySet<string>>> {
  const sets = toResult(await client.listSets(tableOf(family)));
  if (sets.ok) return succeed(new Set(sets.value.map(({ name }) => name)));
  const isAbsent = sets.error.code === 'not-found' || sets.error.code === 'unsupported';
  return isAbsent ? succeed(new Set()) : sets;
}

/** Removal of all owned objects, and of no others. */
import { createSyncReport } from '@signalbox/backend-kit';
import { type BackendError, type CleanupResult, type Family, type Result, succeed } from '@signalbox/core';
import { createHeldState, type HeldState } from '../diff/held-state.ts';
import type { Ownership } from '../diff/ownership.ts';
import { unreferencedEndpoints } from '../diff/unreferenced.ts';
import type { HcnApi } from './hcn-api.ts';
import { readHeldState, readNetwork } from './read-hns.ts';
import { createWriter, type Writer } from './writer.ts';

export interface CleanupInput {
  readonly hcn: HcnApi;
  readonly family: Family;
  readonly networkName: string;
  readonly owned: Ownership;
}

export async function cleanupHns(input: CleanupInput): Promise<CleanupResult> {
  const read = await readOwned(input);
  if (!read.ok) return { outcome: 'failed', error: read.error };
  const held = read.value;
  const writer = createWriter({ ...input, held, report: createSyncReport() });
  const balancers = await removeAll(writer, held);
  const endpoints = balancers.error === null ? await removeEndpoints(writer, held, input.family) : null;
  const error = balancers.error ?? endpoints?.error ?? null;
  if (error !== null) return { outcome: 'failed', error };
  const lines = [`${balancers.removed} load balancers`, `${endpoints?.removed ?? 0} endpoints`];
  return { outcome: 'ok', removed: lines.filter((line) => !line.startsWith('0 ')) };
}

/** Without the network its endpoints are gone, but load balancers may be left. */
async function readOwned(input: CleanupInput): Promise<Result<HeldState>> {
  const network = await readNetwork(input.hcn, input.networkName);
  if (network.ok) return readHeldState({ ...input, network: network.value });
  if (network.error.code !== 'not-found') return network;
  return succeed(createHeldState({ ...input, network: { ID: '', Name: input.networkName } }));
}

interface Removal {
  readonly removed: number;
  readonly error: BackendError | null;
}

async function removeAll(writer: Writer, held: HeldState): Promise<Removal> {
  let removed = 0;
  for (const balancer of [...held.loadBalancers.values()].filter((entry) => entry.owned)) {
    const failure = await writer.remove(balancer);
    if (failure !== null) return { removed, error: failure.error };
    removed += 1;
  }
  return { removed, error: null };
}

async function removeEndpoints(writer: Writer, held: HeldState, family: Family): Promise<Removal> {
  let removed = 0;
  for (const endpoint of unreferencedEndpoints(held, family, new Set())) {
    const failure = await writer.deleteEndpoint(endpoint);
    if (failure !== null && failure.reaction !== 'keep') return { removed, error: failure.error };
    if (failure === null) removed += 1;
  }
  return { removed, error: null };
}

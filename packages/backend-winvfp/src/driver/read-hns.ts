/**
 * Reads the network, the features of this version of HNS, and all objects of the network. A failed query is never
 * treated as an empty list.
 */
import { backendError, type BackendError, fail, type Family, type Result, succeed } from '@signalbox/core';
import type { BackendState, World } from '../backend-state.ts';
import { idKey } from '../compile/names.ts';
import { createHeldState, type HeldState } from '../diff/held-state.ts';
import type { Ownership } from '../diff/ownership.ts';
import {
  readEndpointDocument,
  readLoadBalancerDocument,
  readNetworkDocument,
  type RawDocument,
} from '../encode/documents.ts';
import { parseDocuments, parseVersion } from '../encode/reply.ts';
import type { HcnLoadBalancer, HcnNetwork } from '../objects/hcn-documents.ts';
import type { HcnKind } from '../objects/hcn-call.ts';
import { featuresOf, type HnsCapabilities } from '../objects/hns-version.ts';
import { hcnError } from './errors.ts';
import type { HcnApi } from './hcn-api.ts';

interface Listing<T> {
  readonly kind: HcnKind;
  readonly filter: Readonly<Record<string, string>>;
  readonly read: (raw: RawDocument) => T;
}

async function list<T>(hcn: HcnApi, { kind, filter, read }: Listing<T>): Promise<Result<readonly T[]>> {
  const reply = await hcn.call({ op: 'list', kind, filter });
  if (reply.hresult !== 0) return fail(hcnError(reply, `list of ${kind}s`));
  const value = parseDocuments(reply.items);
  if (value !== null) return succeed(value.map(read));
  return fail(backendError('protocol', 'Invoke', `unreadable ${kind} documents`, { kernel: 'unchanged' }));
}

export async function readNetwork(hcn: HcnApi, name: string): Promise<Result<HcnNetwork>> {
  const found = await list(hcn, { kind: 'network', filter: { Name: name }, read: readNetworkDocument });
  if (!found.ok) return found;
  const network = found.value.find((entry) => entry.Name === name) ?? found.value[0];
  if (network !== undefined) return succeed(network);
  const message = `HNS network "${name}" not found: the CNI plug-in has not created it, or --network-name names another one`;
  return fail(backendError('not-found', 'HcnEnumerateNetworks', message, { kernel: 'unchanged' }));
}

export async function readCapabilities(hcn: HcnApi): Promise<Result<HnsCapabilities>> {
  const reply = await hcn.call({ op: 'hns', path: '/globals/version' });
  if (reply.hresult !== 0) return fail(hcnError(reply, '/globals/version'));
  const version = parseVersion(reply.items[0] ?? '');
  if (version !== null) return succeed({ version, features: featuresOf(version) });
  return fail(backendError('protocol', 'HNSCall', `/globals/version: ${reply.items[0] ?? 'no answer'}`));
}

/** Stores nothing: see `readWorld` of the backend. */
export async function queryWorld({
  options: { hcn, networkName },
  capabilities: known,
}: Pick<BackendState, 'options' | 'capabilities'>): Promise<Result<World>> {
  const network = await readNetwork(hcn, networkName);
  if (!network.ok) return network;
  const capabilities = known === null ? await readCapabilities(hcn) : succeed(known);
  return capabilities.ok ? succeed({ network: network.value, ...capabilities.value }) : capabilities;
}

export interface ReadOptions {
  readonly hcn: HcnApi;
  readonly family: Family;
  readonly network: HcnNetwork;
  readonly owned: Ownership;
}

export async function readHeldState(options: ReadOptions): Promise<Result<HeldState>> {
  const balancers = await listLoadBalancers(options.hcn);
  if (!balancers.ok) return balancers;
  const held = createHeldState(options);
  const error = await refreshEndpoints(options.hcn, held);
  if (error !== null) return fail(error);
  for (const balancer of balancers.value) held.putLoadBalancer(balancer);
  options.owned.settle();
  return succeed(held);
}

function listLoadBalancers(hcn: HcnApi): Promise<Result<readonly HcnLoadBalancer[]>> {
  return list(hcn, { kind: 'load-balancer', filter: {}, read: readLoadBalancerDocument });
}

/** Reads everything again into the stored state. */
export async function refreshAll(hcn: HcnApi, held: HeldState): Promise<BackendError | null> {
  const balancers = await listLoadBalancers(hcn);
  if (!balancers.ok) return balancers.error;
  const seen = new Set(balancers.value.map((balancer) => idKey(balancer.ID)));
  const known = [...held.loadBalancers.keys(), ...held.otherLoadBalancers.keys()];
  for (const id of known) if (!seen.has(id)) held.removeLoadBalancer(id);
  for (const balancer of balancers.value) held.putLoadBalancer(balancer);
  return refreshEndpoints(hcn, held);
}

/** Reads the endpoints of the network again: the CNI plug-in creates and removes those of local pods. */
export async function refreshEndpoints(hcn: HcnApi, held: HeldState): Promise<BackendError | null> {
  const filter = { VirtualNetwork: held.network.ID };
  const endpoints = await list(hcn, { kind: 'endpoint', filter, read: readEndpointDocument });
  if (!endpoints.ok) return endpoints.error;
  const seen = new Set(endpoints.value.map((endpoint) => endpoint.ID.toUpperCase()));
  for (const id of held.endpoints.keys()) if (!seen.has(id)) held.removeEndpoint(id);
  for (const endpoint of endpoints.value) held.putEndpoint(endpoint);
  return null;
}

/**
 * The objects of HNS on the configured network, indexed by the fields that a service proxy uses. Filled from listings,
 * then kept up to date with every write that HNS confirmed, so that most syncs list nothing.
 */
import { addressKey } from '../objects/address.ts';
import { idKey } from '../compile/names.ts';
import type { HcnEndpoint, HcnLoadBalancer, HcnNetwork } from '../objects/hcn-documents.ts';
import { familyOf, type Family } from '@signalbox/core';
import { createReferences, type References } from './references.ts';
import { frontendOf, loadBalancerFamily } from './frontend.ts';
import { isRemote, type Ownership } from './ownership.ts';

export interface HeldEndpoint {
  readonly id: string;
  readonly document: HcnEndpoint;
  readonly remote: boolean;
  /** Created by this backend, or left by a kube-proxy: may be removed. */
  readonly owned: boolean;
  /** `addressKey` of each of its addresses. */
  readonly addresses: readonly string[];
}

export interface HeldLoadBalancer {
  readonly id: string;
  readonly document: HcnLoadBalancer;
  /** `10.96.0.10:80/tcp`; the id in parentheses if the document has no single frontend. */
  readonly frontend: string;
  readonly owned: boolean;
}

export interface HeldState {
  readonly network: HcnNetwork;
  readonly endpoints: ReadonlyMap<string, HeldEndpoint>;
  /** Of this family and with one frontend. */
  readonly loadBalancers: ReadonlyMap<string, HeldLoadBalancer>;
  /** The rest: not modified; kept for the endpoints that they use. */
  readonly otherLoadBalancers: ReadonlyMap<string, HcnLoadBalancer>;
  /** The endpoint with this address; a local one before a remote one. */
  byAddress(address: string): HeldEndpoint | undefined;
  byName(name: string): HeldEndpoint | undefined;
  byFrontend(frontend: string): HeldLoadBalancer | undefined;
  /** Owned endpoints that no load balancer refers to. */
  unreferenced(): Iterable<HeldEndpoint>;
  putEndpoint(document: HcnEndpoint): void;
  removeEndpoint(id: string): void;
  putLoadBalancer(document: HcnLoadBalancer): void;
  removeLoadBalancer(id: string): void;
}

export interface HeldOptions {
  readonly family: Family;
  readonly network: HcnNetwork;
  readonly owned: Ownership;
}

export function createHeldState(options: HeldOptions): HeldState {
  const endpoints = new Map<string, HeldEndpoint>();
  const addresses = new Map<string, Set<string>>();
  const references = createReferences();
  return {
    network: options.network,
    endpoints,
    byAddress: (address) => preferLocal([...(addresses.get(addressKey(address)) ?? [])], endpoints),
    unreferenced: () => [...references.idle()].flatMap((id) => endpoints.get(id) ?? []),
    ...endpointWrites(endpoints, addresses, references, options.owned),
    ...loadBalancerTable(options, references),
  };
}

type LoadBalancerTable = Pick<
  HeldState,
  'loadBalancers' | 'otherLoadBalancers' | 'byFrontend' | 'putLoadBalancer' | 'removeLoadBalancer'
>;

function loadBalancerTable(options: HeldOptions, references: References): LoadBalancerTable {
  const loadBalancers = new Map<string, HeldLoadBalancer>();
  const others = new Map<string, HcnLoadBalancer>();
  const frontends = new Map<string, string>();
  const removeLoadBalancer = (id: string): void => {
    const key = idKey(id);
    const held = loadBalancers.get(key);
    references.drop((held?.document ?? others.get(key))?.HostComputeEndpoints ?? []);
    loadBalancers.delete(key);
    others.delete(key);
    if (held !== undefined && frontends.get(held.frontend) === key) frontends.delete(held.frontend);
  };
  return {
    loadBalancers,
    otherLoadBalancers: others,
    byFrontend: (frontend) => loadBalancers.get(frontends.get(frontend) ?? ''),
    putLoadBalancer(document) {
      removeLoadBalancer(document.ID);
      references.add(document.HostComputeEndpoints);
      const held = describe(document, options);
      if (held === null) {
        others.set(idKey(document.ID), document);
        return;
      }
      loadBalancers.set(held.id, held);
      const other = loadBalancers.get(frontends.get(held.frontend) ?? '');
      if (other === undefined || !other.owned) frontends.set(held.frontend, held.id);
    },
    removeLoadBalancer,
  };
}

function endpointWrites(
  endpoints: Map<string, HeldEndpoint>,
  addresses: Map<string, Set<string>>,
  references: References,
  owned: Ownership,
): Pick<HeldState, 'byName' | 'putEndpoint' | 'removeEndpoint'> {
  const names = new Map<string, string>();
  const removeEndpoint = (id: string): void => {
    const held = endpoints.get(idKey(id));
    if (held === undefined) return;
    endpoints.delete(held.id);
    const name = held.document.Name ?? '';
    if (names.get(name) === held.id) names.delete(name);
    references.disown(held.id);
    for (const address of held.addresses) addresses.get(address)?.delete(held.id);
  };
  return {
    byName: (name) => endpoints.get(names.get(name) ?? ''),
    putEndpoint(document) {
      removeEndpoint(document.ID);
      const held = describeEndpoint(document, owned);
      endpoints.set(held.id, held);
      names.set(document.Name ?? '', held.id);
      if (held.owned) references.own(held.id);
      for (const address of held.addresses) {
        addresses.set(address, (addresses.get(address) ?? new Set()).add(held.id));
      }
    },
    removeEndpoint,
  };
}

function preferLocal(
  ids: readonly string[],
  endpoints: ReadonlyMap<string, HeldEndpoint>,
): HeldEndpoint | undefined {
  const found = ids.map((id) => endpoints.get(id)).filter((endpoint) => endpoint !== undefined);
  return found.find((endpoint) => !endpoint.remote) ?? found[0];
}

function describe(shown: HcnLoadBalancer, options: HeldOptions): HeldLoadBalancer | null {
  const document = options.owned.echoes.asWritten(shown);
  if (loadBalancerFamily(document) !== options.family) return null;
  const id = idKey(document.ID);
  const owned = options.owned.ofLoadBalancer(document);
  // HNS keeps incomplete load balancers, without port mappings. While one exists, its id is in use.
  const frontend = frontendOf(document) ?? (owned ? `(${id})` : null);
  return frontend === null ? null : { id, document, frontend, owned };
}

function describeEndpoint(document: HcnEndpoint, owned: Ownership): HeldEndpoint {
  return {
    id: idKey(document.ID),
    document,
    remote: isRemote(document),
    owned: owned.ofEndpoint(document),
    addresses: (document.IpConfigurations ?? []).map((entry) => addressKey(entry.IpAddress)),
  };
}

/** Whether the endpoint serves this family; one without addresses serves none. */
export function endpointOfFamily(endpoint: HeldEndpoint, family: Family): boolean {
  const texts = (endpoint.document.IpConfigurations ?? []).map((entry) => entry.IpAddress);
  return texts.some((text) => familyOf(text) === family);
}

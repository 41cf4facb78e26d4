/** Differences between HNS and the desired state, in words. */
import type { Drift, Family } from '@signalbox/core';
import { addressKey } from '../objects/address.ts';
import type { DesiredHnsEndpoint, DesiredLoadBalancer } from '../objects/desired.ts';
import { sameLoadBalancer } from './frontend.ts';
import type { HeldState } from './held-state.ts';
import { endpointFor, sameEndpoint, settingsOf } from './plan.ts';
import { unreferencedEndpoints } from './unreferenced.ts';

export interface DriftInput {
  readonly held: HeldState;
  readonly family: Family;
  readonly desired: ReadonlyMap<string, DesiredLoadBalancer>;
  readonly extraEndpoints: readonly DesiredHnsEndpoint[];
  /** Objects that the last sync reported as failed or could not change: they are no drift. */
  readonly unsettled: ReadonlySet<string>;
}

/** Identifies an object that may differ: the content of `unsettled`. */
export function loadBalancerObject(frontend: string): string {
  return objectKey(balancerOf(frontend));
}

export function endpointObject(address: string): string {
  return objectKey(endpointOf(address));
}

type DriftObject = Pick<Drift, 'type' | 'name'>;

function balancerOf(frontend: string): DriftObject {
  return { type: 'load balancer', name: frontend };
}

function endpointOf(address: string): DriftObject {
  return { type: 'endpoint', name: addressKey(address) };
}

function objectKey({ type, name }: DriftObject): string {
  return `${type} ${name}`;
}

export function findDrift(input: DriftInput): readonly Drift[] {
  const found = [
    ...endpointDrift(input),
    ...loadBalancerDrift(input),
    ...staleLoadBalancers(input),
    ...staleEndpoints(input),
  ];
  return found.filter((drift) => !input.unsettled.has(objectKey(drift)));
}

function endpointDrift({ held, desired, extraEndpoints }: DriftInput): readonly Drift[] {
  const refs = [...desired.values()].flatMap((balancer) => balancer.endpoints);
  const remote = refs.flatMap((ref) => (ref.kind === 'remote' ? [ref.endpoint] : []));
  const unique = new Map([...extraEndpoints, ...remote].map((endpoint) => [endpoint.id, endpoint]));
  return [...unique.values()].flatMap((endpoint): Drift[] => {
    const object = endpointOf(endpoint.address);
    const found = held.byAddress(endpoint.address);
    if (found === undefined) return [{ kind: 'missing', ...object }];
    return found.remote && found.owned && !sameEndpoint(found, endpoint)
      ? [{ kind: 'altered', ...object }]
      : [];
  });
}

function loadBalancerDrift({ held, desired }: DriftInput): readonly Drift[] {
  return [...desired].flatMap(([frontend, balancer]): Drift[] => {
    const object = balancerOf(frontend);
    const found = held.byFrontend(frontend);
    const creatable = balancer.endpoints.some(
      (ref) => ref.kind === 'remote' || endpointFor(ref, held) !== undefined,
    );
    if (found === undefined) return creatable ? [{ kind: 'missing', ...object }] : [];
    return isComplete(balancer, found.document, held) ? [] : [{ kind: 'altered', ...object }];
  });
}

function staleLoadBalancers({ held, desired }: DriftInput): readonly Drift[] {
  const stale = [...held.loadBalancers.values()].filter((found) => {
    const second = held.byFrontend(found.frontend)?.id !== found.id;
    return found.owned && (second || !desired.has(found.frontend));
  });
  return stale.map((found) => ({ kind: 'stale', ...balancerOf(found.frontend) }));
}

/** An endpoint whose load balancer is missing is needed again when that is restored. */
function staleEndpoints({ held, family, desired, extraEndpoints }: DriftInput): readonly Drift[] {
  const refs = [...desired.values()].flatMap((balancer) => balancer.endpoints);
  const remote = refs.flatMap((ref) => (ref.kind === 'remote' ? [ref.address] : []));
  const keep = new Set([...extraEndpoints.map((endpoint) => endpoint.address), ...remote]);
  return unreferencedEndpoints(held, family, keep).map((endpoint) => ({
    kind: 'stale',
    ...endpointOf(endpoint.addresses[0] ?? endpoint.id),
  }));
}

function isComplete(
  desired: DesiredLoadBalancer,
  document: Parameters<typeof sameLoadBalancer>[0],
  held: HeldState,
): boolean {
  const absent = desired.endpoints.some(
    (ref) => ref.kind === 'remote' && endpointFor(ref, held) === undefined,
  );
  return !absent && sameLoadBalancer(settingsOf(desired, held), document);
}

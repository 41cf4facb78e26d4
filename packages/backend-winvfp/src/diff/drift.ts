/** How what HNS holds differs from what it should hold, in words. */
import type { Drift, Family } from '@signalbox/core';
import { addressKey } from '../objects/address.ts';
import type { WantedEndpoint, WantedLoadBalancer } from '../objects/wanted.ts';
import { sameLoadBalancer } from './frontend.ts';
import type { HeldState } from './held-state.ts';
import { endpointFor, sameEndpoint, settingsOf } from './plan.ts';
import { unreferencedEndpoints } from './unreferenced.ts';

export interface DriftInput {
  readonly held: HeldState;
  readonly family: Family;
  readonly wanted: ReadonlyMap<string, WantedLoadBalancer>;
  readonly extraEndpoints: readonly WantedEndpoint[];
  /** Objects that the last sync reported as failed, or had to leave: known, and so no drift. */
  readonly unsettled: ReadonlySet<string>;
}

/** The `object` of a drift. */
export function loadBalancerObject(frontend: string): string {
  return `load balancer ${frontend}`;
}

export function endpointObject(address: string): string {
  return `endpoint ${addressKey(address)}`;
}

export function findDrift(input: DriftInput): readonly Drift[] {
  const found = [
    ...endpointDrift(input),
    ...loadBalancerDrift(input),
    ...staleLoadBalancers(input),
    ...staleEndpoints(input),
  ];
  return found.filter((drift) => !input.unsettled.has(drift.object));
}

function endpointDrift({ held, wanted, extraEndpoints }: DriftInput): readonly Drift[] {
  const backends = [...wanted.values()].flatMap((balancer) => balancer.backends);
  const remote = backends.flatMap((backend) => (backend.kind === 'remote' ? [backend.endpoint] : []));
  const unique = new Map([...extraEndpoints, ...remote].map((endpoint) => [endpoint.id, endpoint]));
  return [...unique.values()].flatMap((endpoint): Drift[] => {
    const object = endpointObject(endpoint.address);
    const found = held.byAddress(endpoint.address);
    if (found === undefined) return [{ kind: 'missing', object }];
    return found.remote && found.ours && !sameEndpoint(found, endpoint) ? [{ kind: 'altered', object }] : [];
  });
}

function loadBalancerDrift({ held, wanted }: DriftInput): readonly Drift[] {
  return [...wanted].flatMap(([frontend, balancer]): Drift[] => {
    const object = loadBalancerObject(frontend);
    const found = held.byFrontend(frontend);
    const creatable = balancer.backends.some(
      (backend) => backend.kind === 'remote' || endpointFor(backend, held) !== undefined,
    );
    if (found === undefined) return creatable ? [{ kind: 'missing', object }] : [];
    return isComplete(balancer, found.document, held) ? [] : [{ kind: 'altered', object }];
  });
}

function staleLoadBalancers({ held, wanted }: DriftInput): readonly Drift[] {
  const stale = [...held.loadBalancers.values()].filter((found) => {
    const second = held.byFrontend(found.frontend)?.id !== found.id;
    return found.ours && (second || !wanted.has(found.frontend));
  });
  return stale.map((found) => ({ kind: 'stale', object: loadBalancerObject(found.frontend) }));
}

/** An endpoint whose load balancer is missing is needed again as soon as that is back. */
function staleEndpoints({ held, family, wanted, extraEndpoints }: DriftInput): readonly Drift[] {
  const backends = [...wanted.values()].flatMap((balancer) => balancer.backends);
  const remote = backends.flatMap((backend) => (backend.kind === 'remote' ? [backend.address] : []));
  const keep = new Set([...extraEndpoints.map((endpoint) => endpoint.address), ...remote]);
  return unreferencedEndpoints(held, family, keep).map((endpoint) => ({
    kind: 'stale',
    object: endpointObject(endpoint.addresses[0] ?? endpoint.id),
  }));
}

function isComplete(
  wanted: WantedLoadBalancer,
  document: Parameters<typeof sameLoadBalancer>[0],
  held: HeldState,
): boolean {
  const absent = wanted.backends.some(
    (backend) => backend.kind === 'remote' && endpointFor(backend, held) === undefined,
  );
  return !absent && sameLoadBalancer(settingsOf(wanted, held), document);
}

/** `load balancer 10.96.0.10:80/tcp was missing`: for `SyncResult.repaired`. */
export function describeDrift(drift: Drift): string {
  return `${drift.object} was ${drift.kind}`;
}

import type { Family } from '../model/family.ts';
import type { ServiceAddresses, ServiceModel, ServicePortModel } from '../model/service.ts';
import type { Candidate } from '../select/candidate.ts';
import { selectEndpoints } from '../select/select-endpoints.ts';
import type { NodeLocation } from '../select/topology.ts';
import { policyUse } from '../select/traffic-policy.ts';
import { buildFrontends } from './build-frontends.ts';
import type { DesiredServicePort, ClusterIPMasquerade } from './desired-state.ts';
import type { Detection } from './masquerade.ts';
import { sessionAffinity } from './session-affinity.ts';

/** What of node and configuration decides about a service port. */
export interface FamilyContext {
  readonly family: Family;
  readonly location: NodeLocation;
  readonly clusterIPMasquerade: ClusterIPMasquerade;
  readonly detection: Detection;
  readonly externalIPs: 'served' | 'ignored';
  /** This node's primary address of the family; null if unknown. */
  readonly nodeIP: string | null;
}

/** Without regard to other services: which of two services holds an address is decided by `track/claims.ts`. */
export function buildServicePort(
  service: ServiceModel,
  port: ServicePortModel,
  candidates: readonly Candidate[],
  context: FamilyContext & { readonly addresses: ServiceAddresses },
): DesiredServicePort {
  const { location, externalIPs } = context;
  const addresses = externalIPs === 'served' ? context.addresses : { ...context.addresses, externalIPs: [] };
  const use = policyUse(service, port, addresses);
  const selected = selectEndpoints(candidates, use, location);
  return {
    key: port.key,
    name: port.name,
    frontends: buildFrontends({ port, addresses, use, selected }, context),
    clusterEndpoints: selected.cluster,
    localEndpoints: selected.local,
    servingEndpoints: selected.serving,
    affinity: sessionAffinity(service),
    windows: service.windows,
  };
}

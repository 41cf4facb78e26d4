import type { ServiceAddresses, ServiceModel, ServicePortModel } from '../model/service.ts';
import type { Candidate } from '../select/candidate.ts';
import { selectEndpoints } from '../select/select-endpoints.ts';
import { policyUse } from '../select/traffic-policy.ts';
import { buildFrontends } from './build-frontends.ts';
import type { FamilyContext } from './family-context.ts';
import type { DesiredServicePort } from './desired-state.ts';
import { externalFailover, unsupportedFailover } from './external-failover.ts';
import { sessionAffinity } from './session-affinity.ts';

/** Without regard to other services: which of two services has an address is decided by `track/claims.ts`. */
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
  const unsupported = unsupportedFailover(service, context);
  return {
    key: port.key,
    name: port.name,
    frontends: buildFrontends(
      { port, addresses, use, selected, externalFailover: externalFailover(service, context) },
      context,
    ),
    clusterEndpoints: selected.cluster,
    localEndpoints: selected.local,
    servingEndpoints: selected.serving,
    ...(service.proxyProtocol === null || port.name.protocol !== 'TCP'
      ? {}
      : { proxyProtocol: service.proxyProtocol }),
    affinity: sessionAffinity(service),
    balancing: service.balancing,
    windows: service.windows,
    ...(service.connections === null ? {} : { connections: service.connections }),
    ...(unsupported === null ? {} : { unsupportedFailover: unsupported }),
  };
}

import type { ServiceAddresses, ServicePortModel } from '../model/service.ts';
import type { ExternalFailover } from '../model/service-policy.ts';
import type { SelectedEndpoints } from '../select/select-endpoints.ts';
import type { PolicyUse } from '../select/traffic-policy.ts';
import type { FamilyContext } from './family-context.ts';
import type { Frontend, Route } from './desired-state.ts';
import { clusterIPForwarding, externalForwarding } from './masquerade.ts';
import { DROP_INTERNAL, PASS_ON, REFUSE } from './no-endpoints.ts';
import { sourceRanges } from './source-ranges.ts';

function clusterIPRoutes(
  use: PolicyUse,
  selected: SelectedEndpoints,
  context: FamilyContext,
): readonly Route[] {
  if (!selected.any) return REFUSE;
  if (use.internal === 'local' && selected.local.length === 0) return DROP_INTERNAL;
  return clusterIPForwarding(context.clusterIPMasquerade, use.internal);
}

function externalRoutes(
  { use, selected, externalFailover: failover }: Omit<FrontendInputs, 'port' | 'addresses'>,
  context: FamilyContext,
): readonly Route[] {
  if (!selected.any) return use.external === 'local' && failover === 'passthrough' ? PASS_ON : REFUSE;
  return externalForwarding(use.external, context.detection, selected.local.length > 0 ? 'local' : failover);
}

export interface FrontendInputs {
  readonly port: ServicePortModel;
  readonly addresses: ServiceAddresses;
  readonly use: PolicyUse;
  readonly selected: SelectedEndpoints;
  readonly externalFailover: ExternalFailover;
}

/** S15, S17-S19: every address and port that clients of this service port may connect to. */
export function buildFrontends(inputs: FrontendInputs, context: FamilyContext): Frontend[] {
  const { port: servicePort, addresses, use, selected } = inputs;
  const { port, nodePort } = servicePort;
  const internal = { port, policy: use.internal, routes: clusterIPRoutes(use, selected, context) };
  const external = { policy: use.external, routes: externalRoutes(inputs, context) };
  const frontends: Frontend[] = [{ kind: 'cluster-ip', address: addresses.clusterIP, ...internal }];
  if (context.externalIPs === 'served') {
    for (const address of addresses.externalIPs) {
      frontends.push({ kind: 'external-ip', address, port, ...external });
    }
  }
  if (addresses.loadBalancerIPs.length > 0) {
    const ranges = sourceRanges(addresses, context.nodeIP);
    for (const address of addresses.loadBalancerIPs) {
      frontends.push({ kind: 'load-balancer', address, port, ...external, sourceRanges: ranges });
    }
  }
  if (nodePort !== 0) frontends.push({ kind: 'node-port', port: nodePort, ...external });
  return frontends;
}

/** Load balancers that probe the node at the service's own address reach the health server through the gateway endpoint. */
import type { DesiredServicePort, LoadBalancerFrontend } from '@signalbox/core';
import {
  LOAD_BALANCER_FLAGS,
  PORT_MAPPING_FLAGS,
  SCHEMA_VERSION,
  type HcnPortMapping,
} from '../objects/hcn-documents.ts';
import type { CompileContext, DesiredLoadBalancer } from '../objects/desired.ts';
import { frontendName, loadBalancerId } from './names.ts';

/** `port`: the service's `healthCheckNodePort`, or the proxy's own health port. `null`: not configured. */
export function healthCheckVip(
  service: DesiredServicePort,
  frontend: LoadBalancerFrontend,
  port: number | null,
  context: CompileContext,
): DesiredLoadBalancer | null {
  if (context.healthCheckVip === null) return null;
  const external = port ?? context.healthCheckVip.healthzPort;
  const name = frontendName(frontend.address, external, 'TCP');
  const preserve = PORT_MAPPING_FLAGS.useMux | PORT_MAPPING_FLAGS.preserveDip;
  const flags = service.windows.preserveDestination && context.features.dsr ? preserve : 0;
  const mapping: HcnPortMapping = { Protocol: 6, InternalPort: external, ExternalPort: external };
  const ipv6 = context.family === 'IPv6';
  return {
    id: loadBalancerId(context.family, name),
    type: 'healthcheck',
    frontend: name,
    owner: service.key,
    endpoints: [{ kind: 'named', name: context.healthCheckVip.endpointName }],
    settings: {
      ...(context.network.overlay ? { SourceVIP: context.sourceVip } : {}),
      FrontendVIPs: [frontend.address],
      PortMappings: [flags === 0 ? mapping : { ...mapping, Flags: flags }],
      SchemaVersion: SCHEMA_VERSION,
      ...(ipv6 ? { Flags: LOAD_BALANCER_FLAGS.ipv6 } : {}),
    },
    updateInPlace: service.windows.updateInPlace,
    proxyListens: external === context.healthCheckVip.healthzPort,
  };
}

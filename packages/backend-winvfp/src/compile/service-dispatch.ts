/** One service port to its HCN objects: a load balancer per frontend. */
import {
  PROTOCOL_NUMBER,
  type DesiredEndpoint,
  type DesiredServicePort,
  type Frontend,
} from '@signalbox/core';
import {
  LOAD_BALANCER_FLAGS,
  PORT_MAPPING_FLAGS,
  SCHEMA_VERSION,
  type HcnLoadBalancerSettings,
  type HcnPortMapping,
} from '../objects/hcn-documents.ts';
import type {
  CompileContext,
  CompiledService,
  LoadBalancerType,
  DesiredLoadBalancer,
} from '../objects/desired.ts';
import { frontendName, loadBalancerId } from './names.ts';
import { healthCheckVip } from './health-check.ts';
import { endpointRefOf, choose, preservesDestination, type Chosen } from './load-balancing.ts';
import { dsrFlag, sourceVipOf } from './masquerade.ts';
import { hasLoadBalancer } from './no-endpoints.ts';
import { NODE_PORT_FLAGS, nodePortsOff } from './node-ports.ts';
import { serviceVip } from './remote-endpoints.ts';
import { distributionOf } from './session-affinity.ts';

const TYPES: Readonly<Record<Frontend['kind'], LoadBalancerType>> = {
  'cluster-ip': 'clusterip',
  'node-port': 'nodeport',
  'external-ip': 'externalip',
  'load-balancer': 'ingressip',
};

/** `healthCheckPort`: the service's `healthCheckNodePort`, `null` if it has none. */
export function compileService(
  port: DesiredServicePort,
  healthCheckPort: number | null,
  context: CompileContext,
): CompiledService {
  const loadBalancers = port.frontends.flatMap((frontend) =>
    compileFrontend(port, frontend, healthCheckPort, context),
  );
  const clusterIP = port.frontends.find((frontend) => frontend.kind === 'cluster-ip');
  const vip =
    context.network.overlay && clusterIP !== undefined ? serviceVip(clusterIP.address, context) : null;
  return { key: port.key, loadBalancers, serviceVip: vip };
}

function compileFrontend(
  port: DesiredServicePort,
  frontend: Frontend,
  healthCheckPort: number | null,
  context: CompileContext,
): readonly DesiredLoadBalancer[] {
  const chosen = choose(port, frontend, context);
  if (!hasLoadBalancer(chosen)) return [];
  if (frontend.kind === 'node-port' && nodePortsOff(context.nodePorts)) return [];
  const main = loadBalancer(port, frontend, chosen, context);
  if (frontend.kind !== 'load-balancer') return [main];
  const health = healthCheckVip(port, frontend, healthCheckPort, context);
  return health === null ? [main] : [main, health];
}

function loadBalancer(
  port: DesiredServicePort,
  frontend: Frontend,
  chosen: Chosen,
  context: CompileContext,
): DesiredLoadBalancer {
  const address = frontend.kind === 'node-port' ? '' : frontend.address;
  const name = frontendName(address, frontend.port, port.name.protocol);
  const sourceVip = sourceVipOf(chosen.endpoints, context);
  const flags = loadBalancerFlags(port, frontend, chosen, context);
  const settings: Omit<HcnLoadBalancerSettings, 'HostComputeEndpoints'> = {
    ...(sourceVip === '' ? {} : { SourceVIP: sourceVip }),
    ...(address === '' ? {} : { FrontendVIPs: [address] }),
    PortMappings: [portMapping(port, frontend, chosen.endpoints, context)],
    SchemaVersion: SCHEMA_VERSION,
    ...(flags === 0 ? {} : { Flags: flags }),
  };
  return {
    id: loadBalancerId(context.family, name),
    type: TYPES[frontend.kind],
    frontend: name,
    owner: port.key,
    endpoints: chosen.endpoints.map((endpoint) => endpointRefOf(endpoint, context)),
    settings,
    updateInPlace: port.windows.updateInPlace,
    proxyListens: false,
  };
}

function portMapping(
  port: DesiredServicePort,
  frontend: Frontend,
  endpoints: readonly DesiredEndpoint[],
  context: CompileContext,
): HcnPortMapping {
  const distribution = distributionOf(port.affinity);
  const flags = portMappingFlags(
    frontend,
    preservesDestination(port, frontend, context) ? 'preserve' : 'rewrite',
  );
  return {
    Protocol: PROTOCOL_NUMBER[port.name.protocol],
    InternalPort: endpoints[0]?.port ?? 0,
    ExternalPort: frontend.port,
    ...(distribution === 0 ? {} : { DistributionType: distribution }),
    ...(flags === 0 ? {} : { Flags: flags }),
  };
}

function portMappingFlags(frontend: Frontend, destination: 'preserve' | 'rewrite'): number {
  if (frontend.kind === 'cluster-ip') return PORT_MAPPING_FLAGS.none;
  if (frontend.kind === 'node-port') return NODE_PORT_FLAGS;
  const preserve =
    destination === 'preserve' ? PORT_MAPPING_FLAGS.useMux | PORT_MAPPING_FLAGS.preserveDip : 0;
  return PORT_MAPPING_FLAGS.vipExternalIp | preserve;
}

function loadBalancerFlags(
  port: DesiredServicePort,
  frontend: Frontend,
  chosen: Chosen,
  context: CompileContext,
): number {
  const ipv6 = context.family === 'IPv6' ? LOAD_BALANCER_FLAGS.ipv6 : LOAD_BALANCER_FLAGS.none;
  // A node port of `preserve-destination` with policy Cluster uses local endpoints, but not DSR (as kube-proxy does).
  const nodePort = frontend.kind === 'node-port' && port.windows.preserveDestination;
  const localOnly = chosen.localOnly && !(nodePort && frontend.policy === 'cluster');
  return ipv6 | dsrFlag({ clusterIP: frontend.kind === 'cluster-ip', localOnly }, context);
}

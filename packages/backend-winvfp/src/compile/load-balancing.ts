/** Selects the endpoints of a frontend. HNS distributes connections by hash; all endpoints have the same weight. */
import type {
  BalancingSupport,
  DesiredEndpoint,
  DesiredServicePort,
  Frontend,
  RouteTarget,
} from '@signalbox/core';
import type { CompileContext, EndpointRef } from '../objects/desired.ts';
import { remotePod } from './remote-endpoints.ts';

/**
 * The distribution of HNS hashes addresses, ports and protocol of a connection (or the addresses alone, for session affinity): in
 * effect the endpoint of a connection is random. HNS has neither weights nor counts of connections, and its hash is not consistent.
 */
export const BALANCING: BalancingSupport = {
  algorithms: ['random'],
  default: 'the hash of HNS',
  weights: false,
};

export interface Chosen {
  /** All of one port. */
  readonly endpoints: readonly DesiredEndpoint[];
  /** Only endpoints of this node, by policy. */
  readonly localOnly: boolean;
}

const NONE: Chosen = { endpoints: [], localOnly: false };

/** The decision for a packet from anywhere: HNS cannot distinguish sources, so this one applies to all. */
export function targetOf(frontend: Frontend): RouteTarget {
  return frontend.routes.at(-1)?.target ?? 'reject';
}

export function choose(port: DesiredServicePort, frontend: Frontend, context: CompileContext): Chosen {
  const target = targetOf(frontend);
  if (preservesDestination(port, frontend, context)) {
    const local = target === 'local' ? port.localEndpoints : port.clusterEndpoints;
    return { endpoints: onePort(local.filter((endpoint) => endpoint.isLocal)), localOnly: true };
  }
  // Without DSR the endpoint's host would see this host as the client: keeping traffic local has no effect then.
  const external = frontend.kind !== 'cluster-ip';
  if (target === 'local' && external && !context.features.dsr) {
    return { endpoints: onePort(port.clusterEndpoints), localOnly: false };
  }
  if (target === 'cluster') return { endpoints: onePort(port.clusterEndpoints), localOnly: false };
  return target === 'local' ? { endpoints: onePort(port.localEndpoints), localOnly: true } : NONE;
}

/** Annotation `preserve-destination`: the load balancer's addresses and the node port go to local endpoints. */
export function preservesDestination(
  port: DesiredServicePort,
  frontend: Frontend,
  context: CompileContext,
): boolean {
  const applies = frontend.kind === 'load-balancer' || frontend.kind === 'node-port';
  return applies && port.windows.preserveDestination && context.features.dsr;
}

/** A port mapping has one internal port: the one that most endpoints serve; of equals the lowest. */
export function onePort(endpoints: readonly DesiredEndpoint[]): readonly DesiredEndpoint[] {
  const first = endpoints[0];
  if (first === undefined || endpoints.every((endpoint) => endpoint.port === first.port)) return endpoints;
  const counts = new Map<number, number>();
  for (const { port } of endpoints) counts.set(port, (counts.get(port) ?? 0) + 1);
  const [best] = [...counts].sort(([portA, a], [portB, b]) => b - a || portA - portB);
  return endpoints.filter((endpoint) => endpoint.port === best?.[0]);
}

export function endpointRefOf(endpoint: DesiredEndpoint, context: CompileContext): EndpointRef {
  const { address } = endpoint;
  if (endpoint.isLocal) return { kind: 'local', address };
  return { kind: 'remote', address, endpoint: remotePod(address, context) };
}

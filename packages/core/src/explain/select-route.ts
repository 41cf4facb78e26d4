/** Which route of a frontend a source takes: for `explain`, and for proxies that decide connection by connection. Pure. */
import type {
  DesiredEndpoint,
  DesiredServicePort,
  Frontend,
  LocalDetector,
  Route,
  RouteTarget,
  SourceRanges,
} from '../desired/desired-state.ts';
import { anyCidrContains } from '../model/cidr.ts';
import type { Packet } from './packet.ts';

/** The fields of a packet that route sources are compared with. */
export type PacketSource = Pick<Packet, 'source' | 'inInterface'>;

/** The properties of the node that decide how a source is classified. */
export interface RouteContext {
  readonly localDetector: LocalDetector;
  /** Whether this is an address of the node, loopback included. */
  readonly isHostAddress: (address: string) => boolean;
}

/** The first route that matches; `null`: the source ranges of the frontend exclude the source. */
export function selectRoute(frontend: Frontend, packet: PacketSource, where: RouteContext): Route | null {
  const ranges = frontend.kind === 'load-balancer' ? frontend.sourceRanges : null;
  if (ranges !== null && !isAllowed(packet.source, ranges)) return null;
  return frontend.routes.find((route) => comesFrom(route, packet, where)) ?? null;
}

/** The endpoints that the route may choose from. */
export function endpointsOf(route: Route, servicePort: DesiredServicePort): readonly DesiredEndpoint[] {
  if (route.target === 'cluster') return servicePort.clusterEndpoints;
  return route.target === 'local' ? servicePort.localEndpoints : [];
}

/** Whether the target is one of the endpoint sets of the service port: else it is `reject`, `drop` or `pass`. */
export function isEndpointSet(target: RouteTarget): target is 'cluster' | 'local' {
  return target === 'cluster' || target === 'local';
}

function isAllowed(source: string, ranges: SourceRanges): boolean {
  return ranges.alsoAddresses.includes(source) || anyCidrContains(ranges.cidrs, source);
}

function comesFrom(route: Route, packet: PacketSource, where: RouteContext): boolean {
  switch (route.source) {
    case 'any':
      return true;
    case 'node':
      return where.isHostAddress(packet.source);
    case 'local-pods':
      return isLocalPod(packet, where.localDetector);
  }
}

function isLocalPod(packet: PacketSource, detector: LocalDetector): boolean {
  switch (detector.kind) {
    case 'none':
      return false;
    case 'cidrs':
      return anyCidrContains(detector.cidrs, packet.source);
    case 'interface':
      return packet.inInterface === detector.name;
    case 'interface-prefix':
      return packet.inInterface !== null && packet.inInterface.startsWith(detector.prefix);
  }
}

import type {
  DesiredEndpoint,
  DesiredHealthCheck,
  DesiredServicePort,
  DesiredState,
  Frontend,
  Route,
} from '../desired/desired-state.ts';
import { mayReachItself } from '../desired/hairpin.ts';
import { answersNodePorts } from '../desired/node-ports.ts';
import { anyCidrContains } from '../model/cidr.ts';
import { familyOf, formatAddressPort } from '../model/ip.ts';
import { servicePortLabel, type ServicePortKey } from '../model/service-port-name.ts';
import { loopbackNodePort } from './loopback-node-port.ts';
import type { Destination, Outcome, Packet } from './packet.ts';
import { endpointsOf, isEndpointSet, selectRoute } from './select-route.ts';

/** The properties of the host that decide about a packet. Addresses canonical, both families, loopback included. */
export interface ExplainHost {
  readonly addresses: readonly string[];
  /** What the proxy mode does with packets to cluster IPs that are for no Service; absent: it lets them pass. */
  readonly unused?: UnusedClusterIPs;
  /** Loopback addresses at which sockets of the proxy serve TCP node ports (S40); absent: none. */
  readonly loopbackNodePorts?: readonly string[];
  /** `spec.loadBalancerSourceRanges` have no effect in the proxy mode. */
  readonly ignoresSourceRanges?: boolean;
}

/** What happens to packets to cluster IPs and service CIDRs that no service port handles (S43). */
export interface UnusedClusterIPs {
  /** A port of a cluster IP that no service port uses. */
  readonly port: 'pass' | 'reject';
  /** An address of the service CIDRs that no Service has. */
  readonly address: 'pass' | 'drop';
}

const PASS: UnusedClusterIPs = { port: 'pass', address: 'pass' };

/** What happens to a packet, and which clause decides. */
export interface Explanation {
  readonly outcome: Outcome;
  /** The service port behind the destination; null if there is none: then the packet passes. */
  readonly servicePort: ServicePortKey | null;
  /** The frontend that the packet was sent to; null if there is none. */
  readonly frontend: Frontend | null;
  /** Null if the packet was decided before any route. */
  readonly route: Route | null;
  /** The clause of docs/service-semantics.md that decided. */
  readonly rule: string;
  /** The route masquerades. Hairpin connections are masqueraded besides: see the destinations. */
  readonly masquerade: boolean;
  /** The endpoints that the route may choose from. */
  readonly endpoints: readonly DesiredEndpoint[];
  /** One sentence, for display. */
  readonly reason: string;
}

interface Match {
  readonly servicePort: DesiredServicePort;
  readonly frontend: Frontend;
}

function isVip(frontend: Frontend, packet: Packet): boolean {
  return (
    frontend.kind !== 'node-port' &&
    frontend.address === packet.destination &&
    frontend.port === packet.destinationPort
  );
}

function findFrontend(
  state: DesiredState,
  packet: Packet,
  matches: (frontend: Frontend) => boolean,
): Match | null {
  for (const servicePort of state.servicePorts.values()) {
    if (servicePort.name.protocol !== packet.protocol) continue;
    const frontend = servicePort.frontends.find(matches);
    if (frontend !== undefined) return { servicePort, frontend };
  }
  return null;
}

/** VIPs come first: an address of the node may be a load-balancer IP too. */
function findMatch(state: DesiredState, packet: Packet, host: ExplainHost): Match | null {
  const { destination, destinationPort } = packet;
  if (familyOf(destination) !== state.family) return null;
  const vip = findFrontend(state, packet, (frontend) => isVip(frontend, packet));
  if (vip !== null || !host.addresses.includes(destination)) return vip;
  if (host.loopbackNodePorts?.includes(destination) === true) return findLoopbackNodePort(state, packet);
  if (!answersNodePorts(destination, state.node.nodePortAddresses)) return null;
  return findFrontend(
    state,
    packet,
    (frontend) => frontend.kind === 'node-port' && frontend.port === destinationPort,
  );
}

function findLoopbackNodePort(state: DesiredState, packet: Packet): Match | null {
  for (const servicePort of packet.protocol === 'TCP' ? state.servicePorts.values() : []) {
    const frontend = loopbackNodePort(servicePort);
    if (frontend?.port === packet.destinationPort) return { servicePort, frontend };
  }
  return null;
}

/** S37: an endpoint that connects to itself through a VIP must see another source address than its own. */
function destinationOf(endpoint: DesiredEndpoint, route: Route, packet: Packet): Destination {
  const hairpin = packet.source === endpoint.address && mayReachItself(endpoint);
  const masquerade = route.masquerade || hairpin;
  return { address: endpoint.address, port: endpoint.port, masquerade };
}

function outcomeOf(route: Route, endpoints: readonly DesiredEndpoint[], packet: Packet): Outcome {
  if (!isEndpointSet(route.target)) return { kind: route.target };
  return {
    kind: 'forward',
    destinations: endpoints.map((endpoint) => destinationOf(endpoint, route, packet)),
  };
}

const SOURCES: Readonly<Record<Route['source'], string>> = {
  'local-pods': 'from a pod of this node',
  node: 'from this node itself',
  any: 'from anywhere',
};

function describe(route: Route, { servicePort, frontend }: Match): string {
  const what = `${frontend.kind} of ${servicePortLabel(servicePort.name)} (policy ${frontend.policy})`;
  switch (route.target) {
    case 'reject':
      if (route.rule === 'S66') return `${what}: no endpoint is on this node, so the connection is refused`;
      return `${what}: no usable endpoint exists, so the connection is refused`;
    case 'drop':
      return `${what}: endpoints exist but none on this node, so the packet is dropped`;
    case 'pass':
      return `${what}: no endpoint is on this node, so the packet goes on by the routes of the node`;
    case 'cluster':
    case 'local': {
      const source = route.masquerade ? 'with the source masqueraded' : 'with the source kept';
      return `${what}: traffic ${SOURCES[route.source]} goes to ${route.target} endpoints, ${source}`;
    }
  }
}

const NO_SERVICE = {
  servicePort: null,
  frontend: null,
  route: null,
  masquerade: false,
  endpoints: [],
} as const;

/** The proxy itself serves this port, for health checks of load balancers. */
function healthCheckAt(
  { healthChecks, node }: DesiredState,
  { protocol, destination, destinationPort }: Packet,
  host: ExplainHost,
): DesiredHealthCheck | null {
  if (protocol !== 'TCP' || !host.addresses.includes(destination)) return null;
  const { nodePortAddresses: allowed } = node;
  // Without ranges it answers on every address, loopback included.
  if (allowed.kind === 'ranges' && !answersNodePorts(destination, allowed)) return null;
  return [...healthChecks.values()].find(({ port }) => port === destinationPort) ?? null;
}

function forNoService(state: DesiredState, packet: Packet, host: ExplainHost): Explanation {
  const { unused = PASS } = host;
  const { destination, destinationPort } = packet;
  const isClusterIP = [...state.servicePorts.values()].some(({ frontends }) =>
    frontends.some((frontend) => frontend.kind === 'cluster-ip' && frontend.address === destination),
  );
  const target = `${formatAddressPort(destination, destinationPort)}/${packet.protocol}`;
  const healthCheck = healthCheckAt(state, packet, host);
  if (healthCheck !== null) {
    const { namespace, name, localEndpoints: ready } = healthCheck;
    const what = `${target} is the health-check node port of Service ${namespace}/${name}`;
    const answer = `the proxy answers ${ready > 0 ? 200 : 503}: ${ready} ready endpoints on this node`;
    return { ...NO_SERVICE, outcome: { kind: 'pass' }, rule: 'S27', reason: `${what}; ${answer}` };
  }
  const isUnallocated = !isClusterIP && anyCidrContains(state.node.serviceCIDRs, destination);
  const kind = isClusterIP ? unused.port : isUnallocated ? unused.address : 'pass';
  return {
    ...NO_SERVICE,
    outcome: { kind },
    rule: isClusterIP || isUnallocated ? 'S43' : 'S19',
    reason: isClusterIP ? `${target} is an unused port of a cluster IP` : `no service answers on ${target}`,
  };
}

function withoutRanges(frontend: Frontend, { ignoresSourceRanges = false }: ExplainHost): Frontend {
  return ignoresSourceRanges && frontend.kind === 'load-balancer'
    ? { ...frontend, sourceRanges: null }
    : frontend;
}

/** What this node does with the first packet of a connection, by the rules, whatever the backend. */
export function explain(state: DesiredState, packet: Packet, host: ExplainHost): Explanation {
  const match = findMatch(state, packet, host);
  if (match === null) return forNoService(state, packet, host);
  const { servicePort, frontend } = match;
  const { localDetector } = state.node;
  const isHostAddress = (address: string): boolean => host.addresses.includes(address);
  const route = selectRoute(withoutRanges(frontend, host), packet, { localDetector, isHostAddress });
  const known = { servicePort: servicePort.key, frontend };
  if (route === null) {
    const reason = `${packet.source} is in none of the source ranges of ${servicePortLabel(servicePort.name)}`;
    const decided = { route: null, rule: 'S24', masquerade: false, endpoints: [] };
    return { outcome: { kind: 'drop' }, ...known, ...decided, reason };
  }
  const endpoints = endpointsOf(route, servicePort);
  return {
    outcome: outcomeOf(route, endpoints, packet),
    ...known,
    route,
    rule: route.rule,
    masquerade: route.masquerade,
    endpoints,
    reason: describe(route, match),
  };
}

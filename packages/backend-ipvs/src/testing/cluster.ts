/** Service ports for tests, as short as they can be written, with routes as the core makes them. */
import {
  formatAddressPort,
  servicePortKey,
  type DesiredChange,
  type DesiredEndpoint,
  type DesiredHealthCheck,
  type DesiredNode,
  type DesiredServicePort,
  type Family,
  type Frontend,
  type Protocol,
  type Route,
  type SourceRanges,
} from '@signalbox/core';

/** Node `node-a`: pods in 10.244.0.0/16, addresses 192.0.2.10 and 192.0.2.11. */
export const TEST_NODE: DesiredNode = {
  name: 'node-a',
  localDetector: { kind: 'cidrs', cidrs: ['10.244.0.0/16'] },
  clusterIPMasquerade: 'not-local-pods',
  nodePortAddresses: { kind: 'any-local', loopback: false },
  nodePortIPs: ['192.0.2.10', '192.0.2.11'],
  serviceCIDRs: [],
};

/** A route; `masquerade`: `*` masquerades, any other text does not. */
export function route(source: Route['source'], target: Route['target'], masquerade = ''): Route {
  return { source, target, masquerade: masquerade === '*', rule: 'S15' };
}

/** `10.244.1.x` is on this node. */
export function endpoint(text: string): DesiredEndpoint {
  const [address = '', port = '8080'] = text.split('/');
  return { address, port: Number(port), isLocal: address.startsWith('10.244.1.') };
}

/** The parts of a service port that differ from the defaults of `service`. */
export interface ServiceShape {
  readonly name?: string;
  readonly protocol?: Protocol;
  readonly clusterIP?: string;
  readonly port?: number;
  readonly nodePort?: number;
  readonly externalIPs?: readonly string[];
  readonly loadBalancerIPs?: readonly string[];
  readonly sourceRanges?: SourceRanges;
  readonly externalPolicy?: 'cluster' | 'local';
  readonly internalPolicy?: 'cluster' | 'local';
  /** For clients outside of the cluster, with policy Local and no local endpoint; `drop` by default. */
  readonly failover?: 'drop' | 'reject';
  /** `10.244.1.5/8080`; the port is 8080 by default. */
  readonly endpoints?: readonly string[];
  /** Endpoints that serve without being chosen. */
  readonly alsoServing?: readonly string[];
  /** Session affinity timeout; absent: no session affinity. */
  readonly affinitySeconds?: number;
}

/** `shop/cart` on 10.96.0.10:80/TCP, with two endpoints, one of them on this node. */
export function service(shape: ServiceShape = {}): DesiredServicePort {
  const {
    name = 'cart',
    protocol = 'TCP',
    endpoints = ['10.244.1.5', '10.244.2.7'],
    affinitySeconds,
  } = shape;
  const id = { namespace: 'shop', name, port: '', protocol };
  const clusterEndpoints = endpoints.map(endpoint);
  const localEndpoints = clusterEndpoints.filter(({ isLocal }) => isLocal);
  return {
    key: servicePortKey(id),
    name: id,
    frontends: frontends(shape, { all: clusterEndpoints.length > 0, local: localEndpoints.length > 0 }),
    clusterEndpoints,
    localEndpoints,
    servingEndpoints: [...clusterEndpoints, ...(shape.alsoServing ?? []).map(endpoint)].sort(byText),
    affinity: affinitySeconds === undefined ? null : { timeoutSeconds: affinitySeconds },
    balancing: null,
    windows: { preserveDestination: false, updateInPlace: true },
  };
}

function byText(one: DesiredEndpoint, other: DesiredEndpoint): number {
  return formatAddressPort(one.address, one.port) < formatAddressPort(other.address, other.port) ? -1 : 1;
}

interface Availability {
  readonly all: boolean;
  readonly local: boolean;
}

function frontends(shape: ServiceShape, available: Availability): readonly Frontend[] {
  const { clusterIP = '10.96.0.10', port = 80, externalIPs = [], loadBalancerIPs = [] } = shape;
  const { internalPolicy = 'cluster', externalPolicy = 'cluster', sourceRanges = null } = shape;
  const external = { policy: externalPolicy, routes: externalRoutes(shape, available) };
  return [
    {
      kind: 'cluster-ip',
      address: clusterIP,
      port,
      policy: internalPolicy,
      routes: internalRoutes(internalPolicy, available),
    },
    ...externalIPs.map((address): Frontend => ({ kind: 'external-ip', address, port, ...external })),
    ...loadBalancerIPs.map((address): Frontend => ({
      kind: 'load-balancer',
      address,
      port,
      sourceRanges,
      ...external,
    })),
    ...(shape.nodePort === undefined
      ? []
      : [{ kind: 'node-port', port: shape.nodePort, ...external } satisfies Frontend]),
  ];
}

function internalRoutes(policy: 'cluster' | 'local', { all, local }: Availability): readonly Route[] {
  if (!all) return [route('any', 'reject')];
  if (policy === 'local' && !local) return [route('any', 'drop')];
  return [route('local-pods', policy), route('any', policy, '*')];
}

function externalRoutes(shape: ServiceShape, { all, local }: Availability): readonly Route[] {
  const { externalPolicy: policy = 'cluster', failover = 'drop' } = shape;
  if (!all) return [route('any', 'reject')];
  if (policy === 'cluster') return [route('any', 'cluster', '*')];
  return [
    route('local-pods', 'cluster'),
    route('node', 'cluster', '*'),
    local ? route('any', 'local') : route('any', failover),
  ];
}

/** The parts of a change; absent parts are empty. */
export interface ChangeShape {
  readonly family?: Family;
  /** Default `TEST_NODE`. */
  readonly node?: DesiredNode;
  readonly nodeChanged?: 'changed';
  readonly added?: readonly DesiredServicePort[];
  readonly changed?: readonly (readonly [before: DesiredServicePort, after: DesiredServicePort])[];
  readonly removed?: readonly DesiredServicePort[];
  readonly healthChecks?: readonly DesiredHealthCheck[];
}

const COUNTS = { servicePorts: 0, endpoints: 0, noLocalEndpointsInternal: 0, noLocalEndpointsExternal: 0 };

/** A change of the desired state; a full one counts as a change of the node, too. All `counts` are 0. */
export function change(kind: DesiredChange['kind'], shape: ChangeShape = {}): DesiredChange {
  const {
    family = 'IPv4',
    node = TEST_NODE,
    added = [],
    changed = [],
    removed = [],
    healthChecks = [],
  } = shape;
  return {
    kind,
    family,
    node,
    nodeChanged: kind === 'full' || shape.nodeChanged === 'changed',
    servicePorts: { added, changed: changed.map(([before, after]) => ({ before, after })), removed },
    healthChecks: { added: healthChecks, changed: [], removed: [] },
    counts: COUNTS,
  };
}

/** Everything, in one call. */
export function full(...added: readonly DesiredServicePort[]): DesiredChange {
  return change('full', { added });
}

/** An incremental IPv4 change without service ports. */
export const NOTHING_NEW: DesiredChange = change('incremental');

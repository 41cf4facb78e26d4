import type { LocalDetection } from '../model/model-config.ts';
import { parseCidr } from '../model/cidr.ts';
import type { Family } from '../model/family.ts';
import type { ExternalFailover } from '../model/service-policy.ts';
import type { ClusterIPMasquerade, LocalDetector, Route, TrafficPolicy } from './desired-state.ts';
import { route, routeTable } from './route-table.ts';

export function clusterIPMasquerade(
  config: { readonly masqueradeAll: boolean },
  detector: LocalDetector,
): ClusterIPMasquerade {
  if (config.masqueradeAll) return 'all';
  return detector.kind === 'none' ? 'none' : 'not-local-pods';
}

type Forwarding = Readonly<Record<TrafficPolicy, readonly Route[]>>;

const CLUSTER_IP_ROUTES: Readonly<Record<ClusterIPMasquerade, Forwarding>> = {
  none: {
    cluster: routeTable(route('any', 'cluster', 'keep-source', 'S15')),
    local: routeTable(route('any', 'local', 'keep-source', 'S15')),
  },
  'not-local-pods': {
    cluster: routeTable(
      route('local-pods', 'cluster', 'keep-source', 'S35'),
      route('any', 'cluster', 'masquerade', 'S35'),
    ),
    local: routeTable(
      route('local-pods', 'local', 'keep-source', 'S35'),
      route('any', 'local', 'masquerade', 'S35'),
    ),
  },
  all: {
    cluster: routeTable(route('any', 'cluster', 'masquerade', 'S35')),
    local: routeTable(route('any', 'local', 'masquerade', 'S35')),
  },
};

/** A cluster IP that has endpoints to go to. */
export function clusterIPForwarding(
  masquerade: ClusterIPMasquerade,
  policy: TrafficPolicy,
): readonly Route[] {
  return CLUSTER_IP_ROUTES[masquerade][policy];
}

/** S21: the node itself must see the answers, so every source is masqueraded. */
const EXTERNAL_CLUSTER = routeTable(route('any', 'cluster', 'masquerade', 'S21'));

const NODE_ITSELF = route('node', 'cluster', 'masquerade', 'S22');
const LOCAL_PODS = route('local-pods', 'cluster', 'keep-source', 'S22');

/** Traffic of external clients under ETP=Local: S22 (3), and (4) as S66 modifies it. */
export type OutsideTarget = 'local' | ExternalFailover;

type OutsideRoutes = Readonly<Record<OutsideTarget, readonly Route[]>>;

/** S66: as with ETP=Cluster. */
const FAILOVER_TO_CLUSTER = routeTable(route('any', 'cluster', 'masquerade', 'S66'));

function externalLocalRoutes(first: readonly Route[]): OutsideRoutes {
  return {
    local: routeTable(...first, route('any', 'local', 'keep-source', 'S22')),
    drop: routeTable(...first, route('any', 'drop', 'keep-source', 'S22')),
    reject: routeTable(...first, route('any', 'reject', 'keep-source', 'S66')),
    cluster: FAILOVER_TO_CLUSTER,
    passthrough: routeTable(...first, route('any', 'pass', 'keep-source', 'S66')),
  };
}

const EXTERNAL_LOCAL = {
  detected: externalLocalRoutes([LOCAL_PODS, NODE_ITSELF]),
  undetected: externalLocalRoutes([NODE_ITSELF]),
} as const;

export type Detection = keyof typeof EXTERNAL_LOCAL;

/** An external IP, load-balancer IP or node port of a service that has endpoints somewhere: S21, S22. */
export function externalForwarding(
  policy: TrafficPolicy,
  detection: Detection,
  outside: OutsideTarget,
): readonly Route[] {
  return policy === 'cluster' ? EXTERNAL_CLUSTER : EXTERNAL_LOCAL[detection][outside];
}

function ofFamily(cidrs: readonly string[], family: Family): LocalDetector {
  const own = cidrs
    .map((text) => parseCidr(text.trim()))
    .filter((cidr) => cidr !== null)
    .filter((cidr) => cidr.family === family)
    .map((cidr) => cidr.text);
  return own.length === 0 ? { kind: 'none' } : { kind: 'cidrs', cidrs: [...new Set(own)] };
}

/** S36, with every CIDR of the family where kube-proxy takes the first one only. */
export function localDetector(
  detection: LocalDetection,
  podCIDRs: readonly string[],
  family: Family,
): LocalDetector {
  switch (detection.mode) {
    case 'ClusterCIDR':
      return ofFamily(detection.cidrs, family);
    case 'NodeCIDR':
      return ofFamily(podCIDRs, family);
    case 'BridgeInterface':
      return detection.name === '' ? { kind: 'none' } : { kind: 'interface', name: detection.name };
    case 'InterfaceNamePrefix':
      return detection.prefix === ''
        ? { kind: 'none' }
        : { kind: 'interface-prefix', prefix: detection.prefix };
  }
}

/** What holds of every combination of policies, frontends and endpoints. */
import { describe, expect, it } from 'vitest';
import { modelOf } from '../testing/described-service.ts';
import { frontendTexts } from '../testing/frontends.ts';
import type { EndpointShape, ServiceShape } from '../testing/objects.ts';
import type { DesiredServicePort } from './desired-state.ts';

const POLICIES = ['Cluster', 'Local'] as const;
const FAILOVERS = ['', 'drop', 'reject', 'cluster', 'passthrough'] as const;
const KINDS = ['externalIPs', 'ingress', 'nodePort'] as const;
/** Every set of external frontends. */
const FRONTENDS = Array.from({ length: 2 ** KINDS.length }, (_, bits) =>
  KINDS.filter((_kind, at) => (bits & (1 << at)) !== 0),
);

const HERE = { address: '10.244.1.5', node: 'node-a' };
const THERE = { address: '10.244.2.7', node: 'node-b' };
const ending = { ready: false, serving: true, terminating: true };
const ENDPOINTS: Readonly<Record<string, readonly EndpointShape[]>> = {
  none: [],
  here: [HERE],
  there: [THERE],
  'here and there': [HERE, THERE],
  'terminating here': [{ ...HERE, ...ending }],
  'terminating here, ready there': [{ ...HERE, ...ending }, THERE],
  'failing here': [{ ...HERE, ready: false, serving: false }],
};

interface Combination {
  readonly internal: (typeof POLICIES)[number];
  readonly external: (typeof POLICIES)[number];
  readonly failover: (typeof FAILOVERS)[number];
  readonly frontends: (typeof FRONTENDS)[number];
  readonly endpoints: string;
}

const COMBINATIONS: readonly Combination[] = POLICIES.flatMap((internal) =>
  POLICIES.flatMap((external) =>
    FAILOVERS.flatMap((failover) =>
      FRONTENDS.flatMap((frontends) =>
        Object.keys(ENDPOINTS).map((endpoints) => ({ internal, external, failover, frontends, endpoints })),
      ),
    ),
  ),
);

function serviceOf({ internal, external, failover, frontends }: Combination): ServiceShape {
  const has = (kind: (typeof KINDS)[number]): boolean => frontends.includes(kind);
  return {
    metadata: { annotations: failover === '' ? {} : { 'signalbox.dev/external-failover': failover } },
    spec: {
      type: 'LoadBalancer',
      internalTrafficPolicy: internal,
      externalTrafficPolicy: external,
      externalIPs: has('externalIPs') ? ['203.0.113.50'] : [],
      ports: [{ name: 'http', port: 80, ...(has('nodePort') ? { nodePort: 30_080 } : {}) }],
    },
    ingress: has('ingress') ? [{ ip: '203.0.113.9' }] : [],
  };
}

function portOf(combination: Combination): DesiredServicePort {
  const model = modelOf({
    service: serviceOf(combination),
    endpoints: ENDPOINTS[combination.endpoints] ?? [],
  });
  const port = model.build('IPv4').state.servicePorts.get('shop/cart:http/TCP');
  if (port === undefined) throw new Error('no service port');
  return port;
}

describe('in every combination of policies, frontends and endpoints', () => {
  it('no route leads to an empty set of endpoints', () => {
    const empty = COMBINATIONS.filter((combination) => {
      const { frontends, clusterEndpoints, localEndpoints } = portOf(combination);
      const targets = new Set(frontends.flatMap(({ routes }) => routes.map(({ target }) => target)));
      return (
        (targets.has('cluster') && clusterEndpoints.length === 0) ||
        (targets.has('local') && localEndpoints.length === 0)
      );
    });
    expect(empty).toEqual([]);
  });

  it('a set of endpoints to which no route leads is empty', () => {
    const unused = COMBINATIONS.filter((combination) => {
      const { frontends, clusterEndpoints, localEndpoints } = portOf(combination);
      const has = (target: string): boolean =>
        frontends.some(({ routes }) => routes.some((route) => route.target === target));
      // The set of external traffic exists besides routes that drop: S4.
      const isExternal = combination.frontends.length > 0;
      const needsLocal = combination.internal === 'Local' || (isExternal && combination.external === 'Local');
      const needsCluster = combination.internal === 'Cluster' || isExternal;
      return (
        (!has('cluster') && !needsCluster && clusterEndpoints.length > 0) ||
        (!has('local') && !needsLocal && localEndpoints.length > 0)
      );
    });
    expect(unused).toEqual([]);
  });

  it('connections are rejected without usable endpoints, and only then unless a Service specifies it', () => {
    const isUsable = ({ endpoints }: Combination): boolean =>
      endpoints !== 'none' && endpoints !== 'failing here';
    const wrong = COMBINATIONS.filter((combination) => {
      const { external, failover } = combination;
      return portOf(combination).frontends.some(({ kind, routes }) => {
        const last = routes.at(-1)?.target;
        const isLocal = kind !== 'cluster-ip' && external === 'Local';
        const without = isLocal && failover === 'passthrough' ? 'pass' : 'reject';
        if (!isUsable(combination)) return routes.length !== 1 || last !== without;
        return last === 'reject' && !(isLocal && failover === 'reject');
      });
    });
    expect(wrong).toEqual([]);
  });

  it('S66: a failover changes nothing of Services with external policy Cluster', () => {
    const withCluster = COMBINATIONS.filter(({ external }) => external === 'Cluster');
    const changed = withCluster.filter(
      (combination) =>
        frontendTexts(portOf(combination)).join() !==
        frontendTexts(portOf({ ...combination, failover: '' })).join(),
    );
    expect(changed).toEqual([]);
  });
});

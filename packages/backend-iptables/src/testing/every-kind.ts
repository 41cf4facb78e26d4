/** One service of every kind that has its own rules: a state that uses all parts of the rule language. */
import type {
  DesiredEndpoint,
  DesiredServicePort,
  DesiredState,
  Family,
  Frontend,
  Route,
} from '@signalbox/core';
import {
  REFUSED,
  SAMPLE_NODE,
  sampleService,
  sampleState,
  TO_CLUSTER,
  TO_CLUSTER_MASQUERADED,
} from './sample-state.ts';

const LOCAL_POLICY: readonly Route[] = [
  { source: 'local-pods', target: 'cluster', masquerade: false, rule: 'S22' },
  { source: 'node', target: 'cluster', masquerade: true, rule: 'S22' },
  { source: 'any', target: 'local', masquerade: false, rule: 'S22' },
];
const NO_LOCAL: readonly Route[] = [
  ...LOCAL_POLICY.slice(0, 2),
  { source: 'any', target: 'drop', masquerade: false, rule: 'S23' },
];

export function everyKind(family: Family): DesiredState {
  const v4 = family === 'IPv4';
  const places: Places = v4
    ? { service: '10.96.1.', outside: '203.0.113.', pod: '10.244.1.', clients: '198.51.100.0/24' }
    : {
        service: 'fd00:10:96::1:',
        outside: '2001:db8:0:b::',
        pod: 'fd00:10:244:1::',
        clients: '2001:db8:0:c::/64',
      };
  const node = {
    ...SAMPLE_NODE,
    localDetector: { kind: 'cidrs', cidrs: [v4 ? '10.244.0.0/16' : 'fd00:10:244::/56'] },
    clusterIPMasquerade: 'not-local-pods',
    nodePortAddresses: { kind: 'any-local', loopback: v4 },
  } as const;
  const check = { key: 'shop/web', namespace: 'shop', name: 'web', port: 32_000, localEndpoints: 1 };
  const services = [...singular(places), ...manyPorts(places)];
  return { ...sampleState(services, node), family, healthChecks: new Map([[check.key, check]]) };
}

/** Prefixes of addresses, to be completed by a number. */
interface Places {
  readonly service: string;
  readonly outside: string;
  readonly pod: string;
  readonly clients: string;
}

function endpointsIn({ pod }: Places): readonly DesiredEndpoint[] {
  return [1, 2, 3].map((number) => ({ address: `${pod}${number}`, port: 8080, isLocal: number === 1 }));
}

function cluster({ service }: Places, number: number, routes: readonly Route[]): Frontend {
  return { kind: 'cluster-ip', address: `${service}${number}`, port: 80, policy: 'cluster', routes };
}

function external(places: Places, number: number, routes: readonly Route[]): readonly Frontend[] {
  const vip = `${places.outside}${number + 100}`;
  const sourceRanges = { cidrs: [places.clients], alsoAddresses: [vip] };
  return [
    { kind: 'external-ip', address: `${places.outside}${number}`, port: 80, policy: 'local', routes },
    { kind: 'load-balancer', address: vip, port: 80, policy: 'local', routes, sourceRanges },
    { kind: 'node-port', port: 30_000 + number, policy: 'local', routes },
  ];
}

function singular(places: Places): readonly DesiredServicePort[] {
  const endpoints = endpointsIn(places);
  const frontends = (number: number, inside: readonly Route[], outside: readonly Route[]) => [
    cluster(places, number, inside),
    ...external(places, number, outside),
  ];
  return [
    sampleService({ index: 1, endpoints, frontends: [cluster(places, 1, TO_CLUSTER)] }),
    sampleService({
      index: 2,
      endpoints,
      protocol: 'UDP',
      affinitySeconds: 10_800,
      frontends: frontends(2, TO_CLUSTER_MASQUERADED, TO_CLUSTER_MASQUERADED),
    }),
    sampleService({
      index: 3,
      endpoints,
      protocol: 'SCTP',
      frontends: frontends(3, TO_CLUSTER, LOCAL_POLICY),
    }),
    sampleService({ index: 4, endpoints, frontends: frontends(4, TO_CLUSTER, NO_LOCAL) }),
    sampleService({ index: 5, endpoints: [], frontends: frontends(5, REFUSED, REFUSED) }),
  ];
}

/** Enough services for the dispatch trees to have branches. */
function manyPorts(places: Places): readonly DesiredServicePort[] {
  const endpoints = endpointsIn(places);
  return Array.from({ length: 60 }, (_, index) => {
    const inside: Frontend = { ...cluster(places, 100 + index, TO_CLUSTER), port: 1000 + index };
    const port = 31_000 + index * 7;
    const outside: Frontend = { kind: 'node-port', port, policy: 'cluster', routes: TO_CLUSTER_MASQUERADED };
    return sampleService({ index: 100 + index, endpoints, frontends: [inside, outside] });
  });
}

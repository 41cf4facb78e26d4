/** One service of every kind that makes rules of its own: a state that uses all that the rule language has. */
import type { DesiredState, Family, Frontend, Route } from '@signalbox/core';
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
  const address = (number: number): string => (v4 ? `10.96.1.${number}` : `fd00:10:96::1:${number}`);
  const outside = (number: number): string => (v4 ? `203.0.113.${number}` : `2001:db8:0:b::${number}`);
  const endpoints = [1, 2, 3].map((number) => ({
    address: v4 ? `10.244.1.${number}` : `fd00:10:244:1::${number}`,
    port: 8080,
    isLocal: number === 1,
  }));
  const cluster = (number: number, routes: readonly Route[]): Frontend => ({
    kind: 'cluster-ip',
    address: address(number),
    port: 80,
    policy: 'cluster',
    routes,
  });
  const external = (number: number, routes: readonly Route[]): readonly Frontend[] => [
    { kind: 'external-ip', address: outside(number), port: 80, policy: 'local', routes },
    {
      kind: 'load-balancer',
      address: outside(number + 100),
      port: 80,
      policy: 'local',
      routes,
      sourceRanges: {
        cidrs: [v4 ? '198.51.100.0/24' : '2001:db8:0:c::/64'],
        alsoAddresses: [outside(number + 100)],
      },
    },
    { kind: 'node-port', port: 30_000 + number, policy: 'local', routes },
  ];
  const services = [
    sampleService({ index: 1, endpoints, frontends: [cluster(1, TO_CLUSTER)] }),
    sampleService({
      index: 2,
      endpoints,
      protocol: 'UDP',
      affinitySeconds: 10_800,
      frontends: [cluster(2, TO_CLUSTER_MASQUERADED), ...external(2, TO_CLUSTER_MASQUERADED)],
    }),
    sampleService({
      index: 3,
      endpoints,
      protocol: 'SCTP',
      frontends: [cluster(3, TO_CLUSTER), ...external(3, LOCAL_POLICY)],
    }),
    sampleService({ index: 4, endpoints, frontends: [cluster(4, TO_CLUSTER), ...external(4, NO_LOCAL)] }),
    sampleService({ index: 5, endpoints: [], frontends: [cluster(5, REFUSED), ...external(5, REFUSED)] }),
    ...Array.from({ length: 60 }, (_, index) =>
      sampleService({
        index: 100 + index,
        endpoints,
        frontends: [
          { ...cluster(100 + index, TO_CLUSTER), port: 1000 + index },
          { kind: 'node-port', port: 31_000 + index * 7, policy: 'cluster', routes: TO_CLUSTER_MASQUERADED },
        ],
      }),
    ),
  ];
  const node = {
    ...SAMPLE_NODE,
    localDetector: { kind: 'cidrs', cidrs: [v4 ? '10.244.0.0/16' : 'fd00:10:244::/56'] },
    nodePortAddresses: { kind: 'any-local', loopback: v4 },
  } as const;
  const check = { key: 'shop/web', namespace: 'shop', name: 'web', port: 32_000, localEndpoints: 1 };
  return { ...sampleState(services, node), family, healthChecks: new Map([[check.key, check]]) };
}

/** Objects of any content, as Go writes them in JSON: what is empty and no pointer is left out. */
import type { Resource } from '@signalbox/core';
import * as fc from 'fast-check';

export type Json = Readonly<Record<string, unknown>>;

const filled = (...texts: string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...texts) },
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  );
const maybe = (fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Json> =>
  fc.record(fields, { requiredKeys: [] });
const some = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { minLength: 1, maxLength: 3 });
const port = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(-1, 65_536, 2 ** 31 - 1));
const time = fc
  .integer({ min: -2_000_000_000, max: 4_000_000_000 })
  .map((seconds) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z'));
const map = (...keys: string[]): fc.Arbitrary<Json> =>
  fc.dictionary(filled(...keys), fc.oneof(fc.constant(''), filled('true', 'disabled', 'web', 'zone-a')), {
    minKeys: 1,
    maxKeys: 4,
  });

const address = filled('10.96.0.1', '10.96.0.2', 'fd00::1', 'fd00::2', '203.0.113.7', '10.244.1.5', 'None');
const range = filled('10.0.0.0/8', '0.0.0.0/0', 'fd00::/64', '10.244.1.0/24');
const protocol = filled('TCP', 'UDP', 'SCTP');

const metadata = maybe({
  name: filled('a', 'b', 'node-a'),
  namespace: filled('default', 'shop'),
  uid: filled('0f1e'),
  resourceVersion: filled('12'),
  generation: fc.integer({ min: 1, max: 1e15 }),
  creationTimestamp: time,
  deletionTimestamp: time,
  labels: map(
    'kubernetes.io/service-name',
    'service.kubernetes.io/headless',
    'service.kubernetes.io/service-proxy-name',
    'topology.kubernetes.io/zone',
  ),
  annotations: map(
    'preserve-destination',
    'winProxyOptimization',
    'endpoints.kubernetes.io/last-change-trigger-time',
  ),
  finalizers: some(filled('service.kubernetes.io/load-balancer-cleanup')),
  managedFields: some(maybe({ manager: filled('kubectl'), time, fieldsV1: fc.constant({ 'f:spec': {} }) })),
  ownerReferences: some(maybe({ kind: filled('Deployment'), controller: fc.boolean() })),
});
const named = (key: string): fc.Arbitrary<Json> => map(key).map((labels) => ({ ...labels, [key]: 'a' }));

const servicePort = maybe({
  name: filled('http', 'dns'),
  protocol,
  port,
  nodePort: port,
  targetPort: fc.oneof(port, filled('http')),
  appProtocol: filled('kubernetes.io/h2c'),
});
const policy = filled('Cluster', 'Local');
const serviceSpec = maybe({
  ports: some(servicePort),
  selector: map('app'),
  clusterIP: address,
  clusterIPs: some(address),
  type: filled('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  externalIPs: some(address),
  sessionAffinity: filled('None', 'ClientIP'),
  sessionAffinityConfig: maybe({ clientIP: maybe({ timeoutSeconds: fc.integer({ min: 0, max: 90_000 }) }) }),
  loadBalancerIP: address,
  loadBalancerSourceRanges: some(range),
  externalTrafficPolicy: policy,
  internalTrafficPolicy: fc.oneof(policy, fc.constant('')),
  healthCheckNodePort: port,
  publishNotReadyAddresses: fc.constant(true),
  ipFamilyPolicy: filled('SingleStack'),
  ipFamilies: some(filled('IPv4', 'IPv6')),
  trafficDistribution: filled('PreferClose'),
});
const ingress = maybe({ ip: address, hostname: filled('lb.example'), ipMode: filled('VIP', 'Proxy') });

// No pointer, and without omitempty: always there.
const endpoint = maybe({
  addresses: some(address),
  conditions: maybe({ ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() }),
  hostname: filled('web-0'),
  targetRef: maybe({ kind: filled('Pod'), name: filled('web-0') }),
  nodeName: fc.oneof(fc.constant(''), filled('node-a', 'node-b')),
  zone: filled('zone-a'),
  hints: maybe({
    forZones: some(maybe({ name: filled('zone-a', 'zone-b') })),
    forNodes: some(maybe({ name: filled('node-a') })),
  }),
}).map((fields) => ({ conditions: {}, ...fields }));

const endpointPort = maybe({
  name: fc.oneof(fc.constant(''), filled('http')),
  protocol: fc.oneof(fc.constant(''), protocol),
  port: fc.oneof(fc.constant(0), port),
  appProtocol: filled('http'),
});

const SLICE_LABEL = 'kubernetes.io/service-name';

export const anyObject: Readonly<Record<Resource, fc.Arbitrary<Json>>> = {
  Service: fc.record({
    metadata,
    spec: serviceSpec,
    status: fc.record({ loadBalancer: maybe({ ingress: some(ingress) }) }),
  }),
  EndpointSlice: fc
    .tuple(
      metadata,
      fc.option(named(SLICE_LABEL)),
      some(endpoint),
      some(endpointPort),
      filled('IPv4', 'IPv6', 'FQDN'),
    )
    .map(([meta, labels, endpoints, ports, addressType]) => ({
      metadata: labels === null ? meta : { ...meta, labels },
      endpoints,
      ports,
      addressType,
    })),
  Node: fc.record({
    metadata,
    spec: maybe({
      podCIDR: range,
      podCIDRs: some(range),
      providerID: filled('aws:///i-1'),
      unschedulable: fc.constant(true),
      taints: some(
        maybe({ key: filled('ToBeDeletedByClusterAutoscaler', 'other'), effect: filled('NoSchedule') }),
      ),
    }),
    status: maybe({
      addresses: some(maybe({ type: filled('InternalIP', 'ExternalIP', 'Hostname'), address })),
    }),
  }),
  ServiceCIDR: fc.record({ metadata, spec: maybe({ cidrs: some(range) }) }),
};

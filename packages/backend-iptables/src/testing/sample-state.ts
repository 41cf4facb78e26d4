/** Desired states made by hand, of any size: for tests, benchmarks and examples. */
import {
  servicePortKey,
  type DesiredChange,
  type DesiredEndpoint,
  type DesiredNode,
  type DesiredServicePort,
  type DesiredState,
  type Family,
  type Frontend,
  type Protocol,
  type Route,
} from '@signalbox/core';

export const SAMPLE_NODE: DesiredNode = {
  name: 'node-a',
  localDetector: { kind: 'cidrs', cidrs: ['10.244.0.0/16'] },
  clusterIPMasquerade: 'not-local-pods',
  nodePortAddresses: { kind: 'any-local', loopback: false },
  nodePortIPs: ['192.0.2.10'],
  serviceCIDRs: ['10.96.0.0/12'],
};

export const TO_CLUSTER: readonly Route[] = [
  { source: 'local-pods', target: 'cluster', masquerade: false, rule: 'S35' },
  { source: 'any', target: 'cluster', masquerade: true, rule: 'S35' },
];
export const TO_CLUSTER_MASQUERADED: readonly Route[] = [
  { source: 'any', target: 'cluster', masquerade: true, rule: 'S21' },
];
export const REFUSED: readonly Route[] = [
  { source: 'any', target: 'reject', masquerade: false, rule: 'S23' },
];

export interface SampleService {
  readonly index: number;
  readonly protocol?: Protocol;
  readonly frontends?: readonly Frontend[];
  readonly endpoints?: readonly DesiredEndpoint[];
  readonly affinitySeconds?: number;
}

/** Service number `index`: 10.96.x.y:80 by default, without endpoints it refuses. */
export function sampleService(sample: SampleService): DesiredServicePort {
  const { index, protocol = 'TCP', endpoints = sampleEndpoints(index, 2), affinitySeconds } = sample;
  const name = { namespace: 'shop', name: `service-${index}`, port: 'http', protocol };
  const frontends = sample.frontends ?? [clusterIP(index, endpoints.length > 0 ? TO_CLUSTER : REFUSED)];
  return {
    key: servicePortKey(name),
    name,
    frontends,
    clusterEndpoints: endpoints,
    localEndpoints: endpoints.filter((endpoint) => endpoint.isLocal),
    servingEndpoints: endpoints,
    affinity: affinitySeconds === undefined ? null : { timeoutSeconds: affinitySeconds },
    windows: { preserveDestination: false, updateInPlace: true },
  };
}

export function clusterIP(index: number, routes: readonly Route[]): Frontend {
  const address = `10.96.${(index >> 8) & 255}.${index & 255}`;
  return { kind: 'cluster-ip', address, port: 80, policy: 'cluster', routes };
}

/** Endpoints of service number `index`; every second one is local. */
export function sampleEndpoints(index: number, count: number, port = 8080): readonly DesiredEndpoint[] {
  return Array.from({ length: count }, (_, at) => {
    const number = index * count + at;
    const address = `10.244.${(number >> 8) & 255}.${number & 255}`;
    return { address, port: port + (number >> 16), isLocal: at % 2 === 0 };
  });
}

export function sampleState(services: readonly DesiredServicePort[], node = SAMPLE_NODE): DesiredState {
  const family: Family = 'IPv4';
  return {
    family,
    node,
    servicePorts: new Map(services.map((service) => [service.key, service])),
    healthChecks: new Map(),
    counts: {
      servicePorts: services.length,
      endpoints: services.reduce((sum, service) => sum + service.clusterEndpoints.length, 0),
      noLocalEndpointsInternal: 0,
      noLocalEndpointsExternal: 0,
    },
  };
}

/** The step between two states of the same node. */
export function changeBetween(before: DesiredState, after: DesiredState): DesiredChange {
  const added = [...after.servicePorts.values()].filter(({ key }) => !before.servicePorts.has(key));
  const removed = [...before.servicePorts.values()].filter(({ key }) => !after.servicePorts.has(key));
  const changed = [...after.servicePorts.values()].flatMap((next) => {
    const former = before.servicePorts.get(next.key);
    return former === undefined || former === next ? [] : [{ before: former, after: next }];
  });
  return {
    kind: 'incremental',
    family: after.family,
    node: after.node,
    nodeChanged: before.node !== after.node,
    servicePorts: { added, changed, removed },
    healthChecks: { added: [], changed: [], removed: [] },
    counts: after.counts,
  };
}

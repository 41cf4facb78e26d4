/** The IPv4 samples of the testkit, in any number and with any frontends and endpoints: for tests, benchmarks and examples. */
import { REFUSED, sampleNode, sampleStateOf, servicePort, TO_CLUSTER } from '@signalbox/backend-kit/testing';
import type {
  DesiredEndpoint,
  DesiredNode,
  DesiredServicePort,
  DesiredState,
  Frontend,
  Protocol,
  Route,
} from '@signalbox/core';

export { changeBetween, REFUSED, TO_CLUSTER } from '@signalbox/backend-kit/testing';

/** The IPv4 node of the testkit. */
export const SAMPLE_NODE: DesiredNode = sampleNode('IPv4');

/** Every client reaches all endpoints, masqueraded. */
export const TO_CLUSTER_MASQUERADED: readonly Route[] = [
  { source: 'any', target: 'cluster', masquerade: true, rule: 'S21' },
];

/** A service port by its number; the rest has defaults. */
export interface SampleService {
  readonly index: number;
  /** Default TCP. */
  readonly protocol?: Protocol;
  /** Default: one cluster IP. */
  readonly frontends?: readonly Frontend[];
  /** Default: two, one of them local. */
  readonly endpoints?: readonly DesiredEndpoint[];
  /** Session affinity timeout; absent: no session affinity. */
  readonly affinitySeconds?: number;
}

/** Service number `index`: 10.96.x.y:80 by default, which is refused without endpoints. */
export function sampleService(sample: SampleService): DesiredServicePort {
  const { index, protocol = 'TCP', endpoints = sampleEndpoints(index, 2) } = sample;
  const name = { namespace: 'shop', name: `service-${index}`, port: 'http', protocol };
  const frontends = sample.frontends ?? [clusterIP(index, endpoints.length > 0 ? TO_CLUSTER : REFUSED)];
  return servicePort(name, frontends, endpoints, sample.affinitySeconds);
}

/** The cluster IP of service number `index`, 10.96.x.y port 80. */
export function clusterIP(index: number, routes: readonly Route[]): Frontend {
  const address = `10.96.${(index >> 8) & 255}.${index & 255}`;
  return { kind: 'cluster-ip', address, port: 80, policy: 'cluster', routes };
}

/** The given number of endpoints of service number `index`; every second one is local. */
export function sampleEndpoints(index: number, count: number, port = 8080): readonly DesiredEndpoint[] {
  return Array.from({ length: count }, (_, at) => {
    const number = index * count + at;
    const address = `10.244.${(number >> 8) & 255}.${number & 255}`;
    return { address, port: port + (number >> 16), isLocal: at % 2 === 0 };
  });
}

/** The IPv4 state of these service ports on this node. */
export function sampleState(services: readonly DesiredServicePort[], node = SAMPLE_NODE): DesiredState {
  return sampleStateOf('IPv4', services, node);
}

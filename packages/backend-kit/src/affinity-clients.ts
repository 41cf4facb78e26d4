/** Clients of Services with session affinity, in the form in which one proxy mode passes them to another one. */
import {
  servicePortKey,
  type DesiredEndpoint,
  type DesiredServicePort,
  type ServicePortName,
} from '@signalbox/core';

/** One client with session affinity, and the endpoint that its connections go to. */
export interface AffinityClient {
  readonly servicePort: ServicePortName;
  /** Where its connections go. */
  readonly endpoint: DesiredEndpoint;
  /** Canonical address. */
  readonly client: string;
  /** Milliseconds until the affinity ends; at most the time-out of the Service. */
  readonly remaining: number;
}

/** One endpoint of a service port with session affinity. */
export interface AffinityEndpoint {
  readonly servicePort: DesiredServicePort;
  readonly endpoint: DesiredEndpoint;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Every endpoint of every Service with session affinity, once. */
export function affinityEndpoints(services: Iterable<DesiredServicePort>): readonly AffinityEndpoint[] {
  const found: AffinityEndpoint[] = [];
  for (const servicePort of services) {
    const { affinity } = servicePort;
    if (affinity === null) continue;
    const timeout = affinity.timeoutSeconds * 1000;
    for (const endpoint of endpointsByPlace(servicePort).values())
      found.push({ servicePort, endpoint, timeout });
  }
  return found;
}

/** Cluster and local endpoints by address and port: `10.244.1.5 8080`. */
export function endpointsByPlace({
  clusterEndpoints,
  localEndpoints,
}: Pick<DesiredServicePort, 'clusterEndpoints' | 'localEndpoints'>): ReadonlyMap<string, DesiredEndpoint> {
  return new Map(
    [...clusterEndpoints, ...localEndpoints].map((each) => [`${each.address} ${each.port}`, each]),
  );
}

/** One endpoint for each client of a Service: that of the longest affinity, which it used last; of equal ones the first. */
export function latestOfEach(clients: Iterable<AffinityClient>): readonly AffinityClient[] {
  const latest = new Map<string, AffinityClient>();
  for (const each of clients) {
    const key = `${each.client} ${servicePortKey(each.servicePort)}`;
    if (each.remaining > (latest.get(key)?.remaining ?? 0)) latest.set(key, each);
  }
  return [...latest.values()];
}

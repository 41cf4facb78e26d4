import { mayReachItself, type DesiredEndpoint, type DesiredServicePort } from '@signalbox/core';
import type { PlacedEntry } from './ip-sets.ts';

/** Endpoints that may connect to themselves through the service (S37), chosen or not, ready or not. */
export function hairpinEntries(servicePort: DesiredServicePort): readonly PlacedEntry[] {
  const { protocol } = servicePort.name;
  const local = new Map<string, DesiredEndpoint>();
  for (const endpoints of endpointSets(servicePort)) {
    for (const endpoint of endpoints) {
      if (mayReachItself(endpoint)) local.set(`${endpoint.address} ${endpoint.port}`, endpoint);
    }
  }
  return [...local.values()].map(({ address, port }) => ({
    set: 'LOOP-BACK',
    entry: { kind: 'address-port-address', address, protocol, port, second: address },
  }));
}

function endpointSets(servicePort: DesiredServicePort): readonly (readonly DesiredEndpoint[])[] {
  return [servicePort.clusterEndpoints, servicePort.localEndpoints, servicePort.servingEndpoints];
}

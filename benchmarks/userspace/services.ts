/** Services on mapped loopback addresses: unprivileged, and without kernel objects. */
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import {
  createUserspaceBackend,
  parseAddressMapping,
  type UserspaceBackend,
} from '@signalbox/backend-userspace';
import type { DesiredEndpoint, DesiredServicePort, DesiredState } from '@signalbox/core';

export function createBackend(workers = 1): UserspaceBackend {
  const mapping = parseAddressMapping('10.96.0.0/16=127.96.0.0/16');
  if (typeof mapping === 'string') throw new Error(mapping);
  return createUserspaceBackend({ family: 'IPv4', serviceAddresses: 'none', mappings: [mapping], workers });
}

/** A service port at 127.96.0.`index`, port 80. */
export function webService(index: number, endpoints: readonly DesiredEndpoint[]): DesiredServicePort {
  return {
    ...sampleServicePort('IPv4', { index, endpoints: 1 }),
    clusterEndpoints: endpoints,
    localEndpoints: endpoints,
    servingEndpoints: endpoints,
  };
}

export function stateOf(servicePorts: readonly DesiredServicePort[]): DesiredState {
  return sampleStateOf('IPv4', servicePorts);
}

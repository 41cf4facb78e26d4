/** The backend with sockets on loopback addresses, and Services for it. */
import { sampleServicePort } from '@signalbox/backend-kit/testing';
import type { ConnectionPolicy, DesiredEndpoint, DesiredServicePort } from '@signalbox/core';
import { createUserspaceBackend, type UserspaceBackend } from '../userspace-backend.ts';
import { mapping } from './mapping.ts';

const ADDRESS = '10.96.0.1';

/** By default the Services of `serviceAt` are at 127.0.0.1. */
export function createLoopbackBackend(
  mappings: readonly string[] = [`${ADDRESS}/32=127.0.0.1/32`],
): UserspaceBackend {
  return createUserspaceBackend({
    family: 'IPv4',
    serviceAddresses: 'none',
    mappings: mappings.map(mapping),
    drainTimeout: 0,
  });
}

export interface LoopbackService {
  readonly endpoints: readonly DesiredEndpoint[];
  readonly connections?: ConnectionPolicy;
  readonly index?: number;
}

export function serviceAt(
  port: number,
  { endpoints, connections, index = 1 }: LoopbackService,
): DesiredServicePort {
  const sample = sampleServicePort('IPv4', { index });
  return {
    ...sample,
    frontends: sample.frontends.map((frontend) => ({ ...frontend, address: ADDRESS, port })),
    clusterEndpoints: endpoints,
    localEndpoints: endpoints,
    servingEndpoints: endpoints,
    ...(connections === undefined ? {} : { connections }),
  };
}

/** A cluster as JSON text, the way it comes from the API server: nothing is shared between two objects. */
import type { ModelConfig, ObjectEvent } from '@signalbox/core';

export interface ClusterSize {
  readonly services: number;
  readonly endpointsPerService: number;
}

export const CONFIG: ModelConfig = {
  nodeName: 'node-0',
  localDetection: { mode: 'ClusterCIDR', cidrs: ['10.0.0.0/8'] },
  masqueradeAll: false,
  nodePortAddresses: [],
  localhostNodePorts: false,
  externalIPs: true,
  nodeIPOverride: null,
};

const NODES = 1000;

function address(first: number, index: number): string {
  return `${first}.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
}

export function serviceJSON(index: number): string {
  return JSON.stringify({
    metadata: {
      name: `service-${index}`,
      namespace: `team-${index % 100}`,
      uid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: `app-${index}` },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: address(172, index),
      clusterIPs: [address(172, index)],
      ipFamilies: ['IPv4'],
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      selector: { app: `app-${index}` },
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
    },
    status: { loadBalancer: {} },
  });
}

/** `spare`: how many of the last endpoints are not ready; a change of it is a change of one endpoint. */
export function sliceJSON(index: number, endpoints: number, spare = 0): string {
  const name = `service-${index}`;
  return JSON.stringify({
    addressType: 'IPv4',
    metadata: {
      name: `${name}-abcde`,
      namespace: `team-${index % 100}`,
      labels: { 'kubernetes.io/service-name': name, app: `app-${index}` },
    },
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: endpoints }, (_, at) => {
      const pod = index * endpoints + at;
      const ready = at < endpoints - spare;
      return {
        addresses: [address(10, pod)],
        conditions: { ready, serving: ready, terminating: false },
        nodeName: `node-${pod % NODES}`,
        zone: `zone-${pod % 3}`,
        targetRef: { kind: 'Pod', name: `${name}-${at}`, namespace: `team-${index % 100}` },
      };
    }),
  });
}

export function clusterJSON({ services, endpointsPerService }: ClusterSize): string[][] {
  return Array.from({ length: services }, (_, index) => [
    serviceJSON(index),
    sliceJSON(index, endpointsPerService),
  ]);
}

export function upsert(resource: ObjectEvent['resource'], json: string): ObjectEvent {
  return { type: 'upsert', resource, object: JSON.parse(json) };
}

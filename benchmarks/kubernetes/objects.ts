/** Objects of the size that a real cluster has: about 1.9 kB a Service, 5.9 kB an EndpointSlice of ten endpoints. */
import type { WireObject } from '@signalbox/kubernetes';

const at = { manager: 'controller', operation: 'Update', apiVersion: 'v1', time: '2026-11-21T08:00:00Z' };

/** Half of an object is the record of who set which field: every client receives it, and the proxy does not read it. */
function managedFields(fields: number): object[] {
  const names = Array.from({ length: fields }, (_, i) => [
    `k:{"port":${i},"protocol":"TCP"}`,
    { '.': {}, 'f:name': {} },
  ]);
  return [{ ...at, fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': Object.fromEntries(names) as object } }];
}

export function serviceObject(i: number, annotations: Readonly<Record<string, string>> = {}): WireObject {
  const metadata = {
    name: `service-${i}`,
    namespace: `namespace-${i % 50}`,
    uid: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
    labels: { app: `service-${i}`, tier: 'web' },
    annotations,
    managedFields: managedFields(22),
  };
  const spec = {
    type: 'ClusterIP',
    clusterIP: `10.96.${i >> 8}.${i & 255}`,
    clusterIPs: [`10.96.${i >> 8}.${i & 255}`],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    selector: { app: `service-${i}` },
    ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
  };
  return { kind: 'Service', apiVersion: 'v1', metadata, spec } as WireObject;
}

export function sliceObject(i: number): WireObject {
  const endpoints = Array.from({ length: 10 }, (_, n) => ({
    addresses: [`10.244.${((i * 10 + n) >> 8) & 255}.${(i * 10 + n) & 255}`],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `node-${n}`,
    zone: `zone-${n % 3}`,
    targetRef: {
      kind: 'Pod',
      name: `service-${i}-6d4cf56db6-${n}`,
      namespace: `namespace-${i % 50}`,
      uid: `${i}-${n}`,
    },
  }));
  const metadata = {
    name: `service-${i}-abcde`,
    namespace: `namespace-${i % 50}`,
    labels: { 'kubernetes.io/service-name': `service-${i}` },
    managedFields: managedFields(50),
  };
  const ports = [{ name: 'http', port: 8080, protocol: 'TCP' }];
  const head = { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', addressType: 'IPv4' };
  return { ...head, metadata, endpoints, ports } as WireObject;
}

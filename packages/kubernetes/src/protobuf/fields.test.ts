/** Which fields are decoded: all that the core reads. */
import { createModel, RESOURCES, type ModelConfig, type Resource } from '@signalbox/core';
import { describe, expect, it } from 'vitest';

import { encodeObject } from '../testing/protobuf-encode.ts';
import { SCHEMAS, type Schema } from '../testing/protobuf-schema.ts';
import { decodeObject } from './envelope.ts';

/** One object of each kind with every field that is decoded. */
const USED: Readonly<Record<Resource, Readonly<Record<string, unknown>>>> = {
  Service: {
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'u-1',
      resourceVersion: '7',
      creationTimestamp: '2026-11-30T01:02:03Z',
      deletionTimestamp: '2026-11-30T01:02:04Z',
      labels: { app: 'web' },
      annotations: { 'preserve-destination': 'true', 'signalbox.dev/load-balancing': 'maglev' },
    },
    spec: {
      ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30_080 }],
      clusterIP: '10.96.0.1',
      clusterIPs: ['10.96.0.1', 'fd00::1'],
      type: 'LoadBalancer',
      externalIPs: ['203.0.113.1'],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
      loadBalancerSourceRanges: ['10.0.0.0/8'],
      externalTrafficPolicy: 'Local',
      internalTrafficPolicy: 'Local',
      healthCheckNodePort: 30_081,
      ipFamilies: ['IPv4', 'IPv6'],
    },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.2', ipMode: 'VIP' }] } },
  },
  EndpointSlice: {
    metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: ['10.244.1.5'],
        conditions: { ready: false, serving: true, terminating: false },
        nodeName: 'node-a',
        hints: { forZones: [{ name: 'zone-a' }], forNodes: [{ name: 'node-a' }] },
      },
    ],
    ports: [{ name: '', protocol: 'UDP', port: 53 }],
  },
  Node: {
    metadata: { name: 'node-a', labels: { 'topology.kubernetes.io/zone': 'zone-a' } },
    spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'], taints: [{ key: 'other' }] },
    status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
  },
  ServiceCIDR: { metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.96.0.0/16'] } },
};

const CONFIG: ModelConfig = {
  nodeName: 'node-a',
  localDetection: { mode: 'NodeCIDR' },
  masqueradeAll: false,
  nodePortAddresses: [],
  localhostNodePorts: false,
  externalIPs: true,
  nodeIPOverride: null,
};

type Path = readonly string[];

/** The same value; `onRead` gets every member of an object that is read. */
function observed(value: unknown, path: Path, onRead: (path: Path) => void): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const inner: unknown = Reflect.get(target, key);
      if (typeof key !== 'string' || typeof inner === 'function') return inner;
      if (Array.isArray(target)) return key === 'length' ? inner : observed(inner, path, onRead);
      onRead([...path, key]);
      return observed(inner, [...path, key], onRead);
    },
  });
}

/** Whether Kubernetes has such a field, as far as a path goes before the keys of a map. */
function isField(schema: Schema, [name, ...rest]: Path): boolean {
  const type = schema.find(([, known]) => known === name)?.[2];
  if (type === undefined) return false;
  return typeof type === 'string' || rest.length === 0 || isField(type, rest);
}

function isIn(value: unknown, [name, ...rest]: Path): boolean {
  if (Array.isArray(value)) return value.some((item) => isIn(item, [name ?? '', ...rest]));
  if (typeof value !== 'object' || value === null || name === undefined) return false;
  if (!Object.hasOwn(value, name)) return false;
  const isMap = name === 'labels' || name === 'annotations';
  return rest.length === 0 || isMap || isIn((value as Record<string, unknown>)[name], rest);
}

describe.each(RESOURCES)('the fields of a %s', (resource) => {
  it('are decoded', () => {
    const type = { apiVersion: 'v1', kind: resource };
    // Kubernetes sends these though they are empty.
    const empty =
      resource === 'EndpointSlice' ? {} : { spec: {}, ...(resource === 'ServiceCIDR' ? {} : { status: {} }) };
    const decoded = decodeObject(encodeObject(USED[resource], type), resource);
    expect(decoded).toEqual({ ...type, ...empty, ...USED[resource] });
  });

  it('that the core reads are among them', () => {
    const read = new Set<string>();
    const model = createModel(CONFIG);
    const object = observed(USED[resource], [], (path) => read.add(JSON.stringify(path)));
    model.apply({ type: 'upsert', resource, object });
    const paths = [...read].map((path) => JSON.parse(path) as Path);
    const known = paths.filter((path) => isField(SCHEMAS[resource], path));
    expect(known.length).toBeGreaterThan(2);
    expect(known.filter((path) => !isIn(USED[resource], path) && !isMetadata(path))).toEqual([]);
  });
});

const ALL_META = USED.Service['metadata'] as object;

/** One message for all kinds, in full in the Service. */
function isMetadata([first, second]: Path): boolean {
  return first === 'metadata' && (second === undefined || Object.hasOwn(ALL_META, second));
}

/** API objects for tests, in short form: only what differs from the defaults is given. */
import type { ObjectEvent, Resource } from '../input.ts';
import type { ModelConfig } from '../model/model-config.ts';

type Json = Readonly<Record<string, unknown>>;

export const TEST_CONFIG: ModelConfig = {
  nodeName: 'node-a',
  localDetection: { mode: 'ClusterCIDR', cidrs: ['10.244.0.0/16', 'fd00:10:244::/56'] },
  masqueradeAll: false,
  nodePortAddresses: [],
  localhostNodePorts: false,
  externalIPs: true,
  nodeIPOverride: null,
};

export interface ServiceShape {
  readonly name?: string;
  readonly metadata?: Json;
  readonly spec?: Json;
  /** Load-balancer ingress entries. */
  readonly ingress?: readonly Json[];
}

/** `shop/cart` on 10.96.0.10, port `http` 80/TCP. */
export function serviceObject({
  name = 'cart',
  metadata = {},
  spec = {},
  ingress = [],
}: ServiceShape = {}): Json {
  return {
    metadata: { namespace: 'shop', name, ...metadata },
    spec: { clusterIP: '10.96.0.10', ports: [{ name: 'http', port: 80 }], ...spec },
    status: { loadBalancer: { ingress } },
  };
}

export interface EndpointShape {
  readonly address: string;
  readonly node?: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly zones?: readonly string[];
  readonly nodes?: readonly string[];
}

function endpointObject(shape: EndpointShape): Json {
  const { address, node, ready, serving, terminating, zones, nodes } = shape;
  const named = (names: readonly string[]): Json[] => names.map((name) => ({ name }));
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    nodeName: node,
    hints: {
      ...(zones === undefined ? {} : { forZones: named(zones) }),
      ...(nodes === undefined ? {} : { forNodes: named(nodes) }),
    },
  };
}

export interface SliceShape {
  readonly name?: string;
  readonly service?: string;
  readonly metadata?: Json;
  readonly addressType?: string;
  readonly ports?: readonly Json[];
}

/** Slice `cart-1` of `shop/cart`, port `http` 8080/TCP. */
export function sliceObject(endpoints: readonly EndpointShape[], shape: SliceShape = {}): Json {
  const { service = 'cart', addressType = 'IPv4', ports = [{ name: 'http', port: 8080 }] } = shape;
  const { name = `${service}-1`, metadata = {} } = shape;
  return {
    metadata: {
      namespace: 'shop',
      name,
      labels: { 'kubernetes.io/service-name': service },
      ...metadata,
    },
    addressType,
    ports,
    endpoints: endpoints.map(endpointObject),
  };
}

export interface NodeShape {
  readonly name?: string;
  readonly zone?: string;
  readonly internal?: readonly string[];
  readonly spec?: Json;
  readonly metadata?: Json;
}

/** `node-a`, 192.0.2.10. */
export function nodeObject(shape: NodeShape = {}): Json {
  const { name = 'node-a', zone, internal = ['192.0.2.10'], spec = {}, metadata = {} } = shape;
  return {
    metadata: {
      name,
      labels: zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone },
      ...metadata,
    },
    spec,
    status: { addresses: internal.map((address) => ({ type: 'InternalIP', address })) },
  };
}

export function upsert(resource: Resource, object: unknown): ObjectEvent {
  return { type: 'upsert', resource, object };
}

/** `shop/<name>` for namespaced resources. */
export function remove(resource: Resource, name: string): ObjectEvent {
  const namespace = resource === 'Service' || resource === 'EndpointSlice' ? 'shop' : '';
  return { type: 'delete', resource, namespace, name };
}

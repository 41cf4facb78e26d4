/** The fields of the kinds that a service proxy reads, as Kubernetes 1.36 defines them. */
import type { Resource } from '@signalbox/core';

export type Shape =
  | 'any'
  | { readonly list: Shape }
  /** `open`: other fields are allowed too. */
  | { readonly fields: Readonly<Record<string, Shape>>; readonly open?: true };

/** Fields whose values are not checked. */
function plain(names: string): Readonly<Record<string, Shape>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, 'any']));
}

const LIST: Shape = { list: 'any' };
const MAPPING: Shape = { fields: {}, open: true };

const METADATA: Shape = {
  fields: {
    ...plain('name generateName namespace selfLink uid resourceVersion generation creationTimestamp'),
    ...plain('deletionTimestamp deletionGracePeriodSeconds ownerReferences finalizers managedFields'),
    labels: MAPPING,
    annotations: MAPPING,
  },
};

function object(fields: Readonly<Record<string, Shape>>): Shape {
  return { fields: { apiVersion: 'any', kind: 'any', metadata: METADATA, ...fields } };
}

const INGRESS: Shape = { fields: { ...plain('ip hostname ipMode'), ports: LIST } };

const SERVICE = object({
  spec: {
    fields: {
      ...plain('type clusterIP sessionAffinity loadBalancerIP externalName externalTrafficPolicy'),
      ...plain('healthCheckNodePort publishNotReadyAddresses ipFamilyPolicy allocateLoadBalancerNodePorts'),
      ...plain('loadBalancerClass internalTrafficPolicy trafficDistribution externalFailoverPolicy'),
      ports: { list: { fields: plain('name protocol appProtocol port targetPort nodePort') } },
      selector: MAPPING,
      clusterIPs: LIST,
      externalIPs: LIST,
      loadBalancerSourceRanges: LIST,
      sessionAffinityConfig: { fields: { clientIP: { fields: plain('timeoutSeconds') } } },
      ipFamilies: LIST,
    },
  },
  status: { fields: { conditions: LIST, loadBalancer: { fields: { ingress: { list: INGRESS } } } } },
});

const NAMES: Shape = { list: { fields: plain('name') } };

const ENDPOINT: Shape = {
  fields: {
    ...plain('hostname nodeName zone'),
    addresses: LIST,
    conditions: { fields: plain('ready serving terminating') },
    targetRef: MAPPING,
    deprecatedTopology: MAPPING,
    hints: { fields: { forZones: NAMES, forNodes: NAMES } },
  },
};

const ENDPOINT_SLICE = object({
  addressType: 'any',
  endpoints: { list: ENDPOINT },
  ports: { list: { fields: plain('name protocol port appProtocol') } },
});

const NODE = object({
  spec: {
    fields: {
      ...plain('podCIDR providerID unschedulable configSource externalID'),
      podCIDRs: LIST,
      taints: { list: { fields: plain('key value effect timeAdded') } },
    },
  },
  status: { fields: { addresses: { list: { fields: plain('type address') } } }, open: true },
});

const SERVICE_CIDR = object({ spec: { fields: { cidrs: LIST } }, status: MAPPING });

export const SHAPES: Readonly<Record<Resource, Shape>> = {
  Service: SERVICE,
  EndpointSlice: ENDPOINT_SLICE,
  Node: NODE,
  ServiceCIDR: SERVICE_CIDR,
};

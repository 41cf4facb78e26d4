/**
 * The messages of the watched objects as an API server writes them, with the fields that no proxy reads. Separate from
 * the tables of the decoder on purpose: an error in one must not be in both.
 */
import type { Resource } from '@signalbox/core';

/** `raw`: an object as the bytes of its JSON. */
export type FieldType = 'text' | 'int' | 'flag' | 'time' | 'map' | 'raw' | 'int-or-string' | Schema;

/** `always`: no pointer in Go, so its zero is sent too. */
export type Presence = 'always' | 'given' | 'each';

export type Schema = readonly (readonly [
  number: number,
  name: string,
  type: FieldType,
  presence: Presence,
])[];

const OWNER_REFERENCE: Schema = [
  [1, 'kind', 'text', 'always'],
  [3, 'name', 'text', 'always'],
  [4, 'uid', 'text', 'always'],
  [5, 'apiVersion', 'text', 'always'],
  [6, 'controller', 'flag', 'given'],
  [7, 'blockOwnerDeletion', 'flag', 'given'],
];
const MANAGED_FIELDS: Schema = [
  [1, 'manager', 'text', 'always'],
  [2, 'operation', 'text', 'always'],
  [3, 'apiVersion', 'text', 'always'],
  [4, 'time', 'time', 'given'],
  [6, 'fieldsType', 'text', 'always'],
  [7, 'fieldsV1', 'raw', 'given'],
  [8, 'subresource', 'text', 'always'],
];
const OBJECT_META: Schema = [
  [1, 'name', 'text', 'always'],
  [2, 'generateName', 'text', 'always'],
  [3, 'namespace', 'text', 'always'],
  [4, 'selfLink', 'text', 'always'],
  [5, 'uid', 'text', 'always'],
  [6, 'resourceVersion', 'text', 'always'],
  [7, 'generation', 'int', 'always'],
  [8, 'creationTimestamp', 'time', 'always'],
  [9, 'deletionTimestamp', 'time', 'given'],
  [10, 'deletionGracePeriodSeconds', 'int', 'given'],
  [11, 'labels', 'map', 'given'],
  [12, 'annotations', 'map', 'given'],
  [13, 'ownerReferences', OWNER_REFERENCE, 'each'],
  [14, 'finalizers', 'text', 'each'],
  [17, 'managedFields', MANAGED_FIELDS, 'each'],
];
const CONDITION: Schema = [
  [1, 'type', 'text', 'always'],
  [2, 'status', 'text', 'always'],
  [3, 'observedGeneration', 'int', 'always'],
  [4, 'lastTransitionTime', 'time', 'always'],
  [5, 'reason', 'text', 'always'],
  [6, 'message', 'text', 'always'],
];

const SERVICE_PORT: Schema = [
  [1, 'name', 'text', 'always'],
  [2, 'protocol', 'text', 'always'],
  [3, 'port', 'int', 'always'],
  [4, 'targetPort', 'int-or-string', 'always'],
  [5, 'nodePort', 'int', 'always'],
  [6, 'appProtocol', 'text', 'given'],
];
const SESSION_AFFINITY: Schema = [[1, 'clientIP', [[1, 'timeoutSeconds', 'int', 'given']], 'given']];
const SERVICE_SPEC: Schema = [
  [1, 'ports', SERVICE_PORT, 'each'],
  [2, 'selector', 'map', 'given'],
  [3, 'clusterIP', 'text', 'always'],
  [4, 'type', 'text', 'always'],
  [5, 'externalIPs', 'text', 'each'],
  [7, 'sessionAffinity', 'text', 'always'],
  [8, 'loadBalancerIP', 'text', 'always'],
  [9, 'loadBalancerSourceRanges', 'text', 'each'],
  [10, 'externalName', 'text', 'always'],
  [11, 'externalTrafficPolicy', 'text', 'always'],
  [12, 'healthCheckNodePort', 'int', 'always'],
  [13, 'publishNotReadyAddresses', 'flag', 'always'],
  [14, 'sessionAffinityConfig', SESSION_AFFINITY, 'given'],
  [17, 'ipFamilyPolicy', 'text', 'given'],
  [18, 'clusterIPs', 'text', 'each'],
  [19, 'ipFamilies', 'text', 'each'],
  [20, 'allocateLoadBalancerNodePorts', 'flag', 'given'],
  [21, 'loadBalancerClass', 'text', 'given'],
  [22, 'internalTrafficPolicy', 'text', 'given'],
  [23, 'trafficDistribution', 'text', 'given'],
];
const PORT_STATUS: Schema = [
  [1, 'port', 'int', 'always'],
  [2, 'protocol', 'text', 'always'],
  [3, 'error', 'text', 'given'],
];
const INGRESS: Schema = [
  [1, 'ip', 'text', 'always'],
  [2, 'hostname', 'text', 'always'],
  [3, 'ipMode', 'text', 'given'],
  [4, 'ports', PORT_STATUS, 'each'],
];
const SERVICE_STATUS: Schema = [
  [1, 'loadBalancer', [[1, 'ingress', INGRESS, 'each']], 'always'],
  [2, 'conditions', CONDITION, 'each'],
];

const OBJECT_REFERENCE: Schema = [
  [1, 'kind', 'text', 'always'],
  [2, 'namespace', 'text', 'always'],
  [3, 'name', 'text', 'always'],
  [4, 'uid', 'text', 'always'],
  [5, 'apiVersion', 'text', 'always'],
  [6, 'resourceVersion', 'text', 'always'],
  [7, 'fieldPath', 'text', 'always'],
];
const CONDITIONS: Schema = [
  [1, 'ready', 'flag', 'given'],
  [2, 'serving', 'flag', 'given'],
  [3, 'terminating', 'flag', 'given'],
];
const NAMED: Schema = [[1, 'name', 'text', 'always']];
const HINTS: Schema = [
  [1, 'forZones', NAMED, 'each'],
  [2, 'forNodes', NAMED, 'each'],
];
const ENDPOINT: Schema = [
  [1, 'addresses', 'text', 'each'],
  [2, 'conditions', CONDITIONS, 'always'],
  [3, 'hostname', 'text', 'given'],
  [4, 'targetRef', OBJECT_REFERENCE, 'given'],
  [5, 'deprecatedTopology', 'map', 'given'],
  [6, 'nodeName', 'text', 'given'],
  [7, 'zone', 'text', 'given'],
  [8, 'hints', HINTS, 'given'],
];
const ENDPOINT_PORT: Schema = [
  [1, 'name', 'text', 'given'],
  [2, 'protocol', 'text', 'given'],
  [3, 'port', 'int', 'given'],
  [4, 'appProtocol', 'text', 'given'],
];

const TAINT: Schema = [
  [1, 'key', 'text', 'always'],
  [2, 'value', 'text', 'always'],
  [3, 'effect', 'text', 'always'],
  [4, 'timeAdded', 'time', 'given'],
];
const NODE_SPEC: Schema = [
  [1, 'podCIDR', 'text', 'always'],
  [3, 'providerID', 'text', 'always'],
  [4, 'unschedulable', 'flag', 'always'],
  [5, 'taints', TAINT, 'each'],
  [7, 'podCIDRs', 'text', 'each'],
];
const NODE_ADDRESS: Schema = [
  [1, 'type', 'text', 'always'],
  [2, 'address', 'text', 'always'],
];
const NODE_STATUS: Schema = [
  [3, 'phase', 'text', 'always'],
  [5, 'addresses', NODE_ADDRESS, 'each'],
];

const object = (...more: Schema): Schema => [[1, 'metadata', OBJECT_META, 'always'], ...more];

export const SCHEMAS: Readonly<Record<Resource, Schema>> = {
  Service: object([2, 'spec', SERVICE_SPEC, 'always'], [3, 'status', SERVICE_STATUS, 'always']),
  EndpointSlice: object(
    [2, 'endpoints', ENDPOINT, 'each'],
    [3, 'ports', ENDPOINT_PORT, 'each'],
    [4, 'addressType', 'text', 'always'],
  ),
  Node: object([2, 'spec', NODE_SPEC, 'always'], [3, 'status', NODE_STATUS, 'always']),
  ServiceCIDR: object(
    [2, 'spec', [[1, 'cidrs', 'text', 'each']], 'always'],
    [3, 'status', [[1, 'conditions', CONDITION, 'each']], 'always'],
  ),
};

export const LIST_META_SCHEMA: Schema = [
  [1, 'selfLink', 'text', 'always'],
  [2, 'resourceVersion', 'text', 'always'],
  [3, 'continue', 'text', 'always'],
  [4, 'remainingItemCount', 'int', 'given'],
];

export const STATUS_SCHEMA: Schema = [
  [1, 'metadata', LIST_META_SCHEMA, 'always'],
  [2, 'status', 'text', 'always'],
  [3, 'message', 'text', 'always'],
  [4, 'reason', 'text', 'always'],
  [
    5,
    'details',
    [
      [1, 'name', 'text', 'always'],
      [5, 'retryAfterSeconds', 'int', 'always'],
    ],
    'given',
  ],
  [6, 'code', 'int', 'always'],
];

/**
 * The objects that are watched, with the fields that a proxy reads. Numbers are those of generated.proto in
 * k8s.io/api and k8s.io/apimachinery; Kubernetes never changes the meaning of one.
 */
import type { Resource } from '@signalbox/core';

import {
  bytes,
  int32,
  many,
  message,
  one,
  optionalFlag,
  optionalInt32,
  optionalText,
  text,
  textMap,
  texts,
  time,
  type Message,
} from './message.ts';

const OBJECT_META = message({
  1: text('name'),
  3: text('namespace'),
  5: text('uid'),
  6: text('resourceVersion'),
  8: time('creationTimestamp'),
  9: time('deletionTimestamp'),
  11: textMap('labels'),
  12: textMap('annotations'),
});
const metadata = one('metadata', OBJECT_META);

const SERVICE_PORT = message({
  1: text('name'),
  2: text('protocol'),
  3: int32('port'),
  5: int32('nodePort'),
});
const CLIENT_IP = message({ 1: optionalInt32('timeoutSeconds') });
const SERVICE_SPEC = message({
  1: many('ports', SERVICE_PORT),
  3: text('clusterIP'),
  4: text('type'),
  5: texts('externalIPs'),
  7: text('sessionAffinity'),
  9: texts('loadBalancerSourceRanges'),
  11: text('externalTrafficPolicy'),
  12: int32('healthCheckNodePort'),
  14: one('sessionAffinityConfig', message({ 1: one('clientIP', CLIENT_IP) })),
  18: texts('clusterIPs'),
  19: texts('ipFamilies'),
  22: optionalText('internalTrafficPolicy'),
});
const INGRESS = message({ 1: text('ip'), 3: optionalText('ipMode') });
const LOAD_BALANCER = message({ 1: many('ingress', INGRESS) });
const SERVICE = message({
  1: metadata,
  2: one('spec', SERVICE_SPEC),
  3: one('status', message({ 1: one('loadBalancer', LOAD_BALANCER) })),
});

const NAMED = message({ 1: text('name') });
const ENDPOINT = message({
  1: texts('addresses'),
  2: one(
    'conditions',
    message({ 1: optionalFlag('ready'), 2: optionalFlag('serving'), 3: optionalFlag('terminating') }),
  ),
  6: optionalText('nodeName'),
  8: one('hints', message({ 1: many('forZones', NAMED), 2: many('forNodes', NAMED) })),
});
const ENDPOINT_PORT = message({
  1: optionalText('name'),
  2: optionalText('protocol'),
  3: optionalInt32('port'),
});
const ENDPOINT_SLICE = message({
  1: metadata,
  2: many('endpoints', ENDPOINT),
  3: many('ports', ENDPOINT_PORT),
  4: text('addressType'),
});

const NODE = message({
  1: metadata,
  2: one(
    'spec',
    message({ 1: text('podCIDR'), 5: many('taints', message({ 1: text('key') })), 7: texts('podCIDRs') }),
  ),
  3: one('status', message({ 5: many('addresses', message({ 1: text('type'), 2: text('address') })) })),
});

const SERVICE_CIDR = message({ 1: metadata, 2: one('spec', message({ 1: texts('cidrs') })) });

export const OBJECTS: Readonly<Record<Resource, Message>> = {
  Service: SERVICE,
  EndpointSlice: ENDPOINT_SLICE,
  Node: NODE,
  ServiceCIDR: SERVICE_CIDR,
};

export const STATUS = message({
  3: text('message'),
  4: text('reason'),
  5: one('details', message({ 5: int32('retryAfterSeconds') })),
  6: int32('code'),
});

export const LIST_META = message({ 2: text('resourceVersion'), 3: text('continue') });

export const TYPE_META = message({ 1: text('apiVersion'), 2: text('kind') });

/** runtime.Unknown: the envelope of each object. */
export const UNKNOWN = message({ 1: one('typeMeta', TYPE_META), 2: bytes('raw') });

export const WATCH_EVENT = message({ 1: text('type'), 2: one('object', message({ 1: bytes('raw') })) });

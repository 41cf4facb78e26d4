// API objects → the desired state of a node, with the reasons.
import assert from 'node:assert/strict';
import { clusterIP, createModel, desiredState } from '@signalbox/core';

const model = createModel({
  nodeName: 'node-a',
  localDetection: { mode: 'ClusterCIDR', cidrs: ['10.244.0.0/16'] },
  masqueradeAll: false,
  nodePortAddresses: [],
  localhostNodePorts: false,
  externalIPs: true,
  nodeIPOverride: null,
});
const metadata = { namespace: 'shop', name: 'web' };
const service = {
  metadata,
  spec: { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ports: [{ port: 80 }] },
};
const slice = {
  metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  endpoints: [{ addresses: ['10.244.1.5'], conditions: { ready: true }, nodeName: 'node-b' }],
};
assert.deepEqual(model.apply({ type: 'upsert', resource: 'Service', object: service }), []);
assert.deepEqual(model.apply({ type: 'upsert', resource: 'EndpointSlice', object: slice }), []);
const { state } = model.build('IPv4');
const [web] = state.servicePorts.values();
assert.equal(web.frontends[0].address, '10.96.0.10');
assert.deepEqual(
  web.clusterEndpoints.map(({ address, port }) => `${address}:${port}`),
  ['10.244.1.5:8080'],
);

// The same without Kubernetes.
const small = desiredState('IPv4', [clusterIP('10.96.0.10:80', ['10.244.1.5:8080'], { name: 'shop/web' })]);
assert.deepEqual([...small.servicePorts.keys()], [...state.servicePorts.keys()]);
assert.throws(() => clusterIP('10.96.0.10', []), /frontend/);

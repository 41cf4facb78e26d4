/** A cluster with one service, `default/dns`, as the source emits it. */
import { createModel, type Model, type ObjectEvent } from '@signalbox/core';
import type { FlowState } from '@signalbox/netlink';
import { modelConfig } from '../sync/model-config.ts';
import { settingsOf } from './settings.ts';

export const DNS_VIP = '10.96.0.10';

export function dnsService(protocol = 'UDP', clusterIP = DNS_VIP): ObjectEvent {
  const metadata = { name: 'dns', namespace: 'default' };
  const ports = [{ name: 'dns', port: 53, protocol }];
  const spec = { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'], ports };
  const object = { apiVersion: 'v1', kind: 'Service', metadata, spec };
  return { type: 'upsert', resource: 'Service', object };
}

export function dnsSlice(endpoint: string, protocol = 'UDP'): ObjectEvent {
  const labels = { 'kubernetes.io/service-name': 'dns' };
  const object = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'dns-1', namespace: 'default', labels },
    addressType: 'IPv4',
    ports: [{ name: 'dns', port: 53, protocol }],
    endpoints: [{ addresses: [endpoint], conditions: { ready: true } }],
  };
  return { type: 'upsert', resource: 'EndpointSlice', object };
}

/** With the service, and its one endpoint 10.244.1.5. */
export function dnsModel(protocol = 'UDP'): Model {
  const model = createModel(modelConfig(settingsOf([])));
  model.apply(dnsService(protocol));
  model.apply(dnsSlice('10.244.1.5', protocol));
  return model;
}

/** Of a client to the service, which `answering` answers. */
export function dnsFlow(answering: string, protocol = 17): FlowState {
  const client = { source: '10.244.1.9', sourcePort: 4000 };
  return {
    family: 'IPv4',
    protocol,
    original: { ...client, destination: DNS_VIP, destinationPort: 53 },
    reply: {
      source: answering,
      sourcePort: 53,
      destination: client.source,
      destinationPort: client.sourcePort,
    },
    status: 0,
    mark: 0,
  };
}

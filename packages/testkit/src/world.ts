/** The fixed world of every scenario; scenarios/README.md describes it, packages/netns builds it. */
import type { InterfaceAddress, ModelConfig } from '@signalbox/core';
import type { ScenarioHost } from '@signalbox/core/testing';

export const NODE_ADDRESSES: readonly InterfaceAddress[] = [
  { interface: 'lo', family: 'IPv4', address: '127.0.0.1' },
  { interface: 'lo', family: 'IPv6', address: '::1' },
  { interface: 'eth0', family: 'IPv4', address: '192.0.2.10' },
  { interface: 'eth0', family: 'IPv4', address: '192.0.2.11' },
  { interface: 'eth0', family: 'IPv6', address: '2001:db8:0:2::10' },
  { interface: 'eth0', family: 'IPv6', address: '2001:db8:0:2::11' },
];

export const SCENARIO_HOST: ScenarioHost = {
  addresses: NODE_ADDRESSES.map((entry) => entry.address),
  interfaces: { pods: 'cni0', outside: 'eth0' },
};

export const SCENARIO_CONFIG: ModelConfig = {
  nodeName: 'node-a',
  localDetection: { mode: 'ClusterCIDR', cidrs: ['10.244.0.0/16', 'fd00:10:244::/56'] },
  masqueradeAll: false,
  nodePortAddresses: [],
  localhostNodePorts: false,
  externalIPs: true,
  nodeIPOverride: null,
};

/**
 * Declarations of the sets. Stock sets are exactly kube-proxy's, without size, counter or further flags: its `add map` of a
 * set that differs fails for ever.
 */
import type { Family } from '@signalbox/core';
import type { TypeofField } from '@signalbox/netlink';
import { type EndpointMap, SET, type SetDeclaration } from '../objects/ruleset.ts';
import type { Capabilities } from './context.ts';

/** The upper bound of slot numbers in the declaration; it is part of what nft lists, and no limit of the kernel. */
const SLOTS = 65_536;

export interface SetOptions {
  readonly family: Family;
  /** `nodeport-ips` exists only where node ports are restricted to some addresses. */
  readonly nodePorts: 'any-local' | 'ranges';
  /** Node ports at loopback addresses are left to sockets of the process: those of other protocols than TCP are rejected. */
  readonly loopbackSockets?: boolean;
  readonly capabilities: Capabilities;
}

export function setDeclarations(options: SetOptions): readonly SetDeclaration[] {
  const { family, nodePorts, loopbackSockets = false, capabilities } = options;
  const address = family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
  const ip = [address, 'inet_proto', 'inet_service'] as const;
  const port = ['inet_proto', 'inet_service'] as const;
  const stock: readonly SetDeclaration[] = [
    { name: SET.clusterIPs, key: [address], comment: 'Active ClusterIPs' },
    { name: SET.nodePortIPs, key: [address], comment: 'IPs that accept NodePort traffic' },
    { name: SET.hairpin, key: [address, address, ...port], comment: 'service hairpin connections' },
    {
      name: SET.noEndpointServices,
      key: ip,
      data: 'verdict',
      comment: 'vmap to drop or reject packets to services with no endpoints',
    },
    {
      name: SET.noEndpointNodePorts,
      key: port,
      data: 'verdict',
      comment: 'vmap to drop or reject packets to service nodeports with no endpoints',
    },
    {
      name: SET.firewallIPs,
      key: ip,
      data: 'verdict',
      comment: 'destinations that are subject to LoadBalancerSourceRanges',
    },
    {
      name: SET.serviceIPs,
      key: ip,
      data: 'verdict',
      comment: 'ClusterIP, ExternalIP and LoadBalancer IP traffic',
    },
    { name: SET.serviceNodePorts, key: port, data: 'verdict', comment: 'NodePort traffic' },
  ];
  const used = stock.filter(({ name }) => name !== SET.nodePortIPs || nodePorts === 'ranges');
  const ranges = capabilities.concatenatedIntervals ? [sourceRanges(family)] : [];
  const loopback = loopbackSockets ? [loopbackNodePorts(capabilities)] : [];
  return [...used, ...ranges, ...loopback, ...endpointMaps(family, capabilities)];
}

/** Each element counts the packets that are rejected. */
function loopbackNodePorts({ elementCounters }: Capabilities): SetDeclaration {
  return {
    name: SET.loopbackNodePorts,
    key: ['inet_proto', 'inet_service'],
    ...(elementCounters ? ({ counter: true } as const) : {}),
    typeof: { key: ['meta l4proto', 'th dport'] },
  };
}

function sourceRanges(family: Family): SetDeclaration {
  const address = family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
  const [saddr, daddr] = addressFields(family);
  return {
    name: SET.sourceRanges,
    key: [address, 'inet_proto', 'inet_service', address],
    flags: ['interval'],
    typeof: { key: [daddr, 'meta l4proto', 'th dport', saddr] },
  };
}

/** Each element counts the connections that its endpoint got. */
function endpointMaps(family: Family, { elementCounters }: Capabilities): readonly SetDeclaration[] {
  const address = family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
  const [, daddr] = addressFields(family);
  const counter = elementCounters ? ({ counter: true } as const) : {};
  const data = { data: [address, 'inet_service'] as const, ...counter };
  const dataTypeof = [daddr, 'th dport'] as const;
  const slot: TypeofField = { numgen: SLOTS };
  const ofService = (name: EndpointMap): SetDeclaration => ({
    name,
    key: [address, 'inet_proto', 'inet_service', 'integer'],
    ...data,
    typeof: { key: [daddr, 'meta l4proto', 'th dport', slot], data: dataTypeof },
  });
  const ofNodePort = (name: EndpointMap): SetDeclaration => ({
    name,
    key: ['inet_proto', 'inet_service', 'integer'],
    ...data,
    typeof: { key: ['meta l4proto', 'th dport', slot], data: dataTypeof },
  });
  return [
    ofService('cluster-endpoints'),
    ofService('local-endpoints'),
    ofNodePort('nodeport-endpoints'),
    ofNodePort('nodeport-local-endpoints'),
  ];
}

function addressFields(family: Family): readonly [TypeofField, TypeofField] {
  return family === 'IPv4' ? ['ip saddr', 'ip daddr'] : ['ip6 saddr', 'ip6 daddr'];
}

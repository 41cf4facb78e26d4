/** Chains, sets and elements of the table, as typed data. Elements are text in nft's form: `10.96.0.10 . tcp . 80`. */
import { joinText } from '@signalbox/backend-kit';
import type { BaseChain, NftablesSet } from '@signalbox/netlink';
import type { Rule } from './rule.ts';

/** Name of the table in the families ip and ip6. It is kube-proxy's: each replaces the other's rules, none outlives both. */
export const TABLE = 'kube-proxy';

export interface Chain {
  readonly name: string;
  readonly base?: BaseChain;
  readonly rules: readonly Rule[];
}

export type SetDeclaration = NftablesSet;

/** Declarations of sets by name. */
export type Declarations = Pick<ReadonlyMap<string, SetDeclaration>, 'get'>;

/** One element; `data` is empty in a set. */
export interface Element {
  readonly set: string;
  readonly key: string;
  /** `goto pick/4`, `drop`, `10.244.0.5 . 8080`. */
  readonly data: string;
}

/** Identifies an element in the table. No name of a set contains a blank. */
export function elementId(set: string, key: string): string {
  return joinText([set, ' ', key]);
}

/** Stock sets and maps, as kube-proxy declares them, and those that Signalbox adds. */
export const SET = {
  clusterIPs: 'cluster-ips',
  nodePortIPs: 'nodeport-ips',
  hairpin: 'hairpin-connections',
  serviceIPs: 'service-ips',
  serviceNodePorts: 'service-nodeports',
  noEndpointServices: 'no-endpoint-services',
  noEndpointNodePorts: 'no-endpoint-nodeports',
  firewallIPs: 'firewall-ips',
  sourceRanges: 'source-ranges',
  loopbackNodePorts: 'loopback-nodeports',
} as const;

/** Maps from a frontend and a slot number to an endpoint. */
export type EndpointMap =
  'cluster-endpoints' | 'local-endpoints' | 'nodeport-endpoints' | 'nodeport-local-endpoints';

export const ENDPOINT_MAPS: readonly EndpointMap[] = [
  'cluster-endpoints',
  'local-endpoints',
  'nodeport-endpoints',
  'nodeport-local-endpoints',
];

export function isEndpointMap(set: string): set is EndpointMap {
  return (ENDPOINT_MAPS as readonly string[]).includes(set);
}

/** The endpoints of one frontend in one map: they take slots of a class, or those of a table. */
export interface SlotGroup {
  readonly map: EndpointMap;
  /** The frontend's key: `10.96.0.10 . tcp . 80`, `tcp . 30080`. */
  readonly frontend: string;
  /** `10.244.0.5 . 8080`, as often as the endpoint has slots. */
  readonly endpoints: readonly string[];
  /** The slots are those of `endpoints`, in this order. Absent: any. */
  readonly inOrder?: true;
}

export function groupId({ map, frontend }: Pick<SlotGroup, 'map' | 'frontend'>): string {
  return elementId(map, frontend);
}

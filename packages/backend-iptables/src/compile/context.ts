import { mayReachItself } from '@signalbox/core';
import type { DesiredEndpoint, DesiredNode, DesiredServicePort, Family } from '@signalbox/core';

/** What the operator chose and what the tool can do, as far as rules depend on it. */
export interface RuleOptions {
  /** In large clusters: see `hasOwnChain`. */
  readonly endpointChains: 'always' | 'where-needed';
  /** The packet mark that asks for masquerading: one bit (`--iptables-masquerade-bit`). */
  readonly masqueradeMark: number;
  /** MASQUERADE picks source ports at random (iptables 1.6.2 and later). */
  readonly randomFully: boolean;
  /** Leave packets in state INVALID alone (`nf_conntrack_tcp_be_liberal` is set: S39). */
  readonly conntrackLiberal: boolean;
  /** Count in the accounting objects of `ACCOUNTING_OBJECTS`, which must exist in the kernel. */
  readonly accounting: boolean;
}

export interface CompileContext {
  readonly family: Family;
  readonly node: DesiredNode;
  readonly options: RuleOptions;
  /** Whether rules of single endpoints say whose they are: see `commentsFor`. */
  readonly endpointComments: EndpointComments;
}

export type EndpointComments = 'kept' | 'left-out';

/** While one service port is compiled. */
export interface ServiceContext extends CompileContext {
  /** The endpoint's chain. */
  readonly endpointChain: (endpoint: DesiredEndpoint) => string;
}

/** With more endpoints than this, comments on the rules of each cost more than they tell (S52). */
const LARGE_CLUSTER_ENDPOINTS = 1000;
/** Left out, they come back only below this: a cluster that hovers at the limit must not rewrite everything. */
const SMALL_AGAIN_ENDPOINTS = 900;

/** A comment takes 288 bytes of a table that the legacy variant copies whole at every change. */
export function commentsFor(endpoints: number, before: EndpointComments = 'kept'): EndpointComments {
  const limit = before === 'kept' ? LARGE_CLUSTER_ENDPOINTS : SMALL_AGAIN_ENDPOINTS;
  return endpoints > limit ? 'left-out' : 'kept';
}

/** Whether so many endpoints leave open what the rules look like: then it is what they look like now. */
export function isEitherWay(endpoints: number): boolean {
  return commentsFor(endpoints, 'kept') !== commentsFor(endpoints, 'left-out');
}

/**
 * Whether the endpoint has a chain. In large clusters the legacy variant gives one to those alone that need more than one
 * rule: of the table that it copies at every change, three entries of four are chains of endpoints (decisions/0009).
 */
export function hasOwnChain(
  { affinity }: DesiredServicePort,
  endpoint: DesiredEndpoint,
  { options: { endpointChains }, endpointComments }: CompileContext,
): boolean {
  if (endpointChains === 'always' || endpointComments === 'kept') return true;
  return affinity !== null || mayReachItself(endpoint);
}

/** Names of the nfacct objects behind kube-proxy's packet counters (F162, F163). */
export const ACCOUNTING_OBJECTS = {
  invalidDropped: 'ct_state_invalid_dropped_pkts',
  localhostNodePorts: 'localhost_nps_accepted_pkts',
} as const;

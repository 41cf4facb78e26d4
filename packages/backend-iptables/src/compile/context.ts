import { mayReachItself } from '@signalbox/core';
import type { DesiredEndpoint, DesiredNode, DesiredServicePort, Family } from '@signalbox/core';

/** The options of the operator and the features of the tool, as far as rules depend on them. */
export interface RuleOptions {
  /** In large clusters: see `hasOwnChain`. */
  readonly endpointChains: 'always' | 'where-needed';
  /** The packet mark that requests masquerading: one bit (`--iptables-masquerade-bit`). */
  readonly masqueradeMark: number;
  /** MASQUERADE picks source ports at random (iptables 1.6.2 and later). */
  readonly randomFully: boolean;
  /** Do not drop packets in state INVALID (`nf_conntrack_tcp_be_liberal` is set: S39). */
  readonly conntrackLiberal: boolean;
  /** Count in the accounting objects of `ACCOUNTING_OBJECTS`, which must exist in the kernel. */
  readonly accounting: boolean;
}

export interface CompileContext {
  readonly family: Family;
  readonly node: DesiredNode;
  readonly options: RuleOptions;
  /** Whether rules of single endpoints have a comment that names the service port: see `commentsFor`. */
  readonly endpointComments: EndpointComments;
}

export type EndpointComments = 'kept' | 'left-out';

/** The context while one service port is compiled. */
export interface ServiceContext extends CompileContext {
  /** The endpoint's chain. */
  readonly endpointChain: (endpoint: DesiredEndpoint) => string;
}

/** With more endpoints than this, rules of single endpoints have no comments (S52). */
const LARGE_CLUSTER_ENDPOINTS = 1000;
/** Comments that were left out return only below this number: a cluster near the limit must not rewrite all rules. */
const SMALL_AGAIN_ENDPOINTS = 900;

/** A comment takes 288 bytes of a table that the legacy variant copies completely at every change. */
export function commentsFor(endpoints: number, before: EndpointComments = 'kept'): EndpointComments {
  const limit = before === 'kept' ? LARGE_CLUSTER_ENDPOINTS : SMALL_AGAIN_ENDPOINTS;
  return endpoints > limit ? 'left-out' : 'kept';
}

/** Whether this number of endpoints is between the two limits: then the current style of the rules is kept. */
export function isInHysteresisBand(endpoints: number): boolean {
  return commentsFor(endpoints, 'kept') !== commentsFor(endpoints, 'left-out');
}

/**
 * Whether the endpoint has a chain. In large clusters the legacy variant creates one only for endpoints that need more than
 * one rule: three of four entries of the table that it copies at every change are chains of endpoints (decisions/0009).
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

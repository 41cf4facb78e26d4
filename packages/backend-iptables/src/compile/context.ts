import type { DesiredNode, Family } from '@signalbox/core';

/** What the operator chose and what the tool can do, as far as rules depend on it. */
export interface RuleOptions {
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
}

/** Names of the nfacct objects behind kube-proxy's packet counters (F162, F163). */
export const ACCOUNTING_OBJECTS = {
  invalidDropped: 'ct_state_invalid_dropped_pkts',
  localhostNodePorts: 'localhost_nps_accepted_pkts',
} as const;

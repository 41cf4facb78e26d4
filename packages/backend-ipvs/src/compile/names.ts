/**
 * Names of chains and sets. Chains carry no service's name here: rules speak of sets, and sets hold the
 * services. The names of the sets are those that kube-proxy's ipvs mode uses, so that either finds and adopts what the
 * other left; it replaces the contents in each sync.
 */
import type { Family } from '@signalbox/core';

export const SERVICES = 'KUBE-SERVICES';
export const POSTROUTING = 'KUBE-POSTROUTING';
export const NODE_PORT = 'KUBE-NODE-PORT';
export const LOAD_BALANCER = 'KUBE-LOAD-BALANCER';
export const MARK_MASQ = 'KUBE-MARK-MASQ';
/** Marks packets that no pod of this node sent; iptables mode has a chain of this name for the same purpose. */
export const MARK_NON_POD = 'KUBE-MARK-NON-POD';
/** Marks packets that the node itself sent. */
export const MARK_MASQ_NODE = 'KUBE-MARK-MASQ-NODE';
export const FORWARD = 'KUBE-FORWARD';
export const PROXY_FIREWALL = 'KUBE-PROXY-FIREWALL';
export const SOURCE_RANGES_FIREWALL = 'KUBE-SOURCE-RANGES-FIREWALL';
export const DROP_EXTERNAL = 'KUBE-DROP-EXTERNAL';
export const REJECT_EXTERNAL = 'KUBE-REJECT-EXTERNAL';
export const IPVS_FILTER = 'KUBE-IPVS-FILTER';

/** Of kube-proxy alone: removed, never made. */
export const IPVS_OUT_FILTER = 'KUBE-IPVS-OUT-FILTER';

/** As earlier versions of Signalbox called MARK_NON_POD and DROP_EXTERNAL: removed, never made. */
export const OLD_MARK_NON_POD = 'KUBE-MARK-MASQ-FOREIGN';
export const OLD_DROP_EXTERNAL = 'KUBE-DROP-OUTSIDERS';

/** What a set is for; its name in the kernel is `setName` of it. */
export type SetId =
  | 'LOOP-BACK'
  | 'CLUSTER-IP'
  | 'EXTERNAL-IP'
  | 'EXTERNAL-IP-LOCAL'
  | 'LOAD-BALANCER'
  | 'LOAD-BALANCER-LOCAL'
  | 'LOAD-BALANCER-FW'
  | 'LOAD-BALANCER-SOURCE-CIDR'
  | 'LOAD-BALANCER-SOURCE-IP'
  | 'NODE-PORT-TCP'
  | 'NODE-PORT-LOCAL-TCP'
  | 'NODE-PORT-UDP'
  | 'NODE-PORT-LOCAL-UDP'
  | 'NODE-PORT-SCTP-HASH'
  | 'NODE-PORT-LOCAL-SCTP-HASH'
  | 'HEALTH-CHECK-NODE-PORT'
  | 'IPVS-IPS';

/** The kernel's limit: IPSET_MAXNAMELEN without the final zero. */
const MAX_SET_NAME = 31;

export function setName(family: Family, id: SetId): string {
  return prefixed(family, id);
}

/** Sets that earlier versions of Signalbox made. */
export function obsoleteSets(family: Family): readonly string[] {
  return ['DROP', 'DROP-EXTERNAL', 'DROP-OUTSIDERS'].map((id) => prefixed(family, id));
}

function prefixed(family: Family, id: string): string {
  return family === 'IPv4' ? `KUBE-${id}` : `KUBE-6-${id}`.slice(0, MAX_SET_NAME);
}

/** Of the set that stands in for one of another type: no other owned set has this name, nor has its draft. */
export function detourName(family: Family, id: SetId): string {
  return `KUBE${family === 'IPv4' ? 4 : 6}-${id}`;
}

const DRAFT = '-NEW';

/** Of the set in which another one's new content is prepared. */
export function draftName(set: string): string {
  return `${set.slice(0, MAX_SET_NAME - DRAFT.length)}${DRAFT}`;
}

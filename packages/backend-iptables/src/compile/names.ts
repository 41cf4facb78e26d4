/** Names of chains, as kube-proxy chooses them: monitoring tools and operators search for them. */
import { createHash } from 'node:crypto';
import type { DesiredEndpoint, ServicePortName } from '@signalbox/core';
import { endpointChainHash, joinText, servicePortChainHash } from '@signalbox/backend-kit';
import { formatAddressPort, servicePortLabel } from '@signalbox/core';
import { CANARY, PROBE, type TableName } from '@signalbox/iptables';

/** The entry for all service traffic (nat), and for refusals of cluster IPs (filter). */
export const SERVICES = 'KUBE-SERVICES';
/** The entry by node port (nat), and accepted health-check ports (filter). */
export const NODE_PORTS = 'KUBE-NODEPORTS';
export const POSTROUTING = 'KUBE-POSTROUTING';
export const MARK_MASQUERADE = 'KUBE-MARK-MASQ';
/** Marks packets that no local pod sent; only if several CIDRs define the local pods. */
export const MARK_NON_POD = 'KUBE-MARK-NON-POD';
export const FORWARD = 'KUBE-FORWARD';
/** Refusals of external frontends. */
export const EXTERNAL_SERVICES = 'KUBE-EXTERNAL-SERVICES';
/** Refusals by node port. */
export const NODE_PORTS_REFUSED = 'KUBE-NODEPORTS-REJECT';
/** Drops packets that no source range allowed. */
export const PROXY_FIREWALL = 'KUBE-PROXY-FIREWALL';
/** Shared with kubelet: Signalbox adds rules to it, but never empties or removes it. */
export const SHARED_FIREWALL = 'KUBE-FIREWALL';

const SERVICE_PREFIX = {
  cluster: 'KUBE-SVC-',
  local: 'KUBE-SVL-',
  external: 'KUBE-EXT-',
  firewall: 'KUBE-FW-',
  endpoint: 'KUBE-SEP-',
} as const;
/**
 * Names of tree branches begin like chains of services, so that kube-proxy, where it replaces Signalbox, treats them as chains
 * of deleted services and removes them in its first sync. If they stayed, kube-proxy could not delete a chain that they jump
 * to, and its transactions would fail. A hash of a service contains no hyphen: names cannot collide.
 */
const ADDRESS_BRANCH = `${SERVICE_PREFIX.cluster}VIP-`;
const PORT_BRANCH = `${SERVICE_PREFIX.cluster}PORT-`;

export type ServiceChainKind = 'cluster' | 'local' | 'external' | 'firewall';

/** `variant` distinguishes chains of one kind where one service port needs several (unusual routes). */
export function serviceChain(kind: ServiceChainKind, id: ServicePortName, variant = ''): string {
  const name = variant === '' ? servicePortChainHash(id) : hash(servicePortLabel(id) + id.protocol + variant);
  return joinText([SERVICE_PREFIX[kind], name]);
}

export function endpointChain(id: ServicePortName, endpoint: DesiredEndpoint): string {
  return joinText([SERVICE_PREFIX.endpoint, endpointChainHash(id, endpoint)]);
}

/** `10.1.2.3:8080`, `[fd00::5]:8080`. */
export function endpointLabel(endpoint: DesiredEndpoint): string {
  return formatAddressPort(endpoint.address, endpoint.port);
}

/** Chain names have at most 28 characters. */
const BRANCH_DIGITS = 28 - PORT_BRANCH.length;

/** A chain of a dispatch tree below its root. */
export function branchChain(by: 'address' | 'port', root: string, prefix: string): string {
  const name = hash(`${root}/${prefix}`).slice(0, BRANCH_DIGITS);
  return (by === 'address' ? ADDRESS_BRANCH : PORT_BRANCH) + name;
}

/** 16 characters of hexadecimal SHA-256. */
function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16).toUpperCase();
}

/** Fixed chains that are owned, by table. `SHARED_FIREWALL` is in none. */
const OWN_CHAINS: Readonly<Record<TableName, readonly string[]>> = {
  nat: [SERVICES, NODE_PORTS, POSTROUTING, MARK_MASQUERADE, MARK_NON_POD, CANARY, PROBE],
  filter: [
    SERVICES,
    EXTERNAL_SERVICES,
    NODE_PORTS,
    NODE_PORTS_REFUSED,
    FORWARD,
    PROXY_FIREWALL,
    CANARY,
    PROBE,
  ],
  mangle: [CANARY],
};

const SERVICE_PREFIXES: readonly string[] = Object.values(SERVICE_PREFIX);
const BRANCH = new RegExp(`^(?:${ADDRESS_BRANCH}|${PORT_BRANCH})[0-9A-F]{${BRANCH_DIGITS}}$`);

/** Whether a chain of this name is owned: created by Signalbox, or by a kube-proxy in iptables mode. */
export function isOwnChain(table: TableName, name: string): boolean {
  if (OWN_CHAINS[table].includes(name)) return true;
  if (table === 'mangle') return false;
  return BRANCH.test(name) || (table === 'nat' && SERVICE_PREFIXES.some((prefix) => name.startsWith(prefix)));
}

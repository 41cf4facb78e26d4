/**
 * Which virtual servers of the kernel's one table are owned by Signalbox. Others are neither changed nor deleted.
 *
 * The journal lists them. Where it was lost (or before the first run after kube-proxy) the kernel itself is
 * evidence: a server is owned if its address is on the service device, or if an owned set has its address and port,
 * or its port as a node port. This holds beside a journal, too, as kube-proxy may have served since it was written; but
 * then both must hold, and the journal lists servers of others for which owned sets would be evidence.
 */
import { anyCidrContains, type Family } from '@signalbox/core';
import { setName, type SetId } from '../compile/names.ts';
import { entryText, type IpSetEntry } from '../objects/ip-set.ts';
import type { Observed } from '../objects/kernel-state.ts';
import type { Ownership } from '../objects/ownership.ts';
import type { VirtualServer, VirtualServerKey } from '../objects/virtual-server.ts';
import type { DesiredObjects } from './desired-objects.ts';

/** `null`: there is no journal, or it cannot be read. */
export type JournalContent = Ownership | null;

/**
 * `nodePortAddresses`: where node ports are served. A set of ports is no evidence for servers on other addresses. Left
 * out: not known; without a journal, then, those of this host.
 */
export function ownedServers(
  family: Family,
  observed: Observed,
  journal: JournalContent,
  nodePortAddresses: ReadonlySet<string> = journal === null ? observed.hostAddresses : NO_ADDRESSES,
): Set<VirtualServerKey> {
  const owned = new Set<VirtualServerKey>();
  const isOwned = (key: VirtualServerKey, server: VirtualServer): boolean => {
    if (journal?.owned.has(key) === true) return true;
    if (journal?.others.has(key) === true) return false;
    const isBound = observed.boundAddresses.has(server.address);
    const isFrontend = inFrontendSet(family, observed, server);
    if (journal === null ? isBound || isFrontend : isBound && isFrontend) return true;
    return isNodePort(family, observed, server, nodePortAddresses);
  };
  for (const [key, { server }] of observed.servers) {
    if (isOwned(key, server)) owned.add(key);
  }
  return owned;
}

/** Includes what is desired, as if it had been listed: a listing may have missed it. */
export function withDesired({ servers }: Pick<DesiredObjects, 'servers'>, observed: Observed): Observed {
  const all = new Map(observed.servers);
  for (const key of servers.keys()) {
    const server = servers.get(key)?.server;
    if (server !== undefined && !all.has(key)) all.set(key, { server, reals: new Map() });
  }
  return { ...observed, servers: all };
}

const NO_ADDRESSES: ReadonlySet<string> = new Set();

const FRONTEND_SETS: readonly SetId[] = ['CLUSTER-IP', 'EXTERNAL-IP', 'EXTERNAL-IP-LOCAL', 'LOAD-BALANCER'];

function inFrontendSet(family: Family, observed: Observed, server: VirtualServer): boolean {
  const entry = frontendEntry(server);
  return FRONTEND_SETS.some((id) => holds(observed, setName(family, id), entry));
}

function isNodePort(
  family: Family,
  observed: Observed,
  server: VirtualServer,
  addresses: ReadonlySet<string>,
): boolean {
  const { address, protocol, port } = server;
  if (protocol === 'SCTP')
    return holds(observed, setName(family, 'NODE-PORT-SCTP-HASH'), frontendEntry(server));
  return (
    addresses.has(address) &&
    holds(observed, setName(family, `NODE-PORT-${protocol}`), { kind: 'port', port })
  );
}

function holds({ sets }: Observed, set: string, entry: IpSetEntry): boolean {
  return sets.get(set)?.entries.has(entryText(entry)) === true;
}

function frontendEntry({ address, protocol, port }: VirtualServer): IpSetEntry {
  return { kind: 'address-port', address, protocol, port };
}

/** `--ipvs-exclude-cidrs`: virtual servers there are never deleted, not even owned ones. */
export function isExcluded(excludeCIDRs: readonly string[], server: VirtualServer): boolean {
  return anyCidrContains(excludeCIDRs, server.address);
}

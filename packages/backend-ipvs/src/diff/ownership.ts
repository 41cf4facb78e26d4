/**
 * Which virtual servers of the kernel's one table are ours. Those of others are neither changed nor deleted.
 *
 * The journal knows. Where it was lost (or before the first run after kube-proxy) the kernel itself is
 * evidence: a server is ours if its address is on our device, or if one of our sets has its address and port,
 * or its port as a node port.
 */
import { anyCidrContains, type Family } from '@signalbox/core';
import { setName, type SetId } from '../compile/chain-names.ts';
import { entryText, type IpSetEntry } from '../objects/ip-set.ts';
import type { Observed } from '../objects/kernel-state.ts';
import type { Ownership } from '../objects/ownership.ts';
import type { VirtualServer, VirtualServerKey } from '../objects/virtual-server.ts';

/** `null`: there is no journal, or it cannot be read. */
export type JournalContent = Ownership | null;

export function ownedServers(
  family: Family,
  observed: Observed,
  journal: JournalContent,
): Set<VirtualServerKey> {
  const owned = new Set<VirtualServerKey>();
  for (const [key, { server }] of observed.servers) {
    if (journal === null ? hasEvidence(family, observed, server) : journal.ours.has(key)) owned.add(key);
  }
  return owned;
}

const FRONTEND_SETS: readonly SetId[] = ['CLUSTER-IP', 'EXTERNAL-IP', 'EXTERNAL-IP-LOCAL', 'LOAD-BALANCER'];

function hasEvidence(family: Family, observed: Observed, server: VirtualServer): boolean {
  const { address, protocol, port } = server;
  if (observed.boundAddresses.has(address)) return true;
  const holds = (id: SetId, entry: IpSetEntry): boolean =>
    observed.sets.get(setName(family, id))?.entries.has(entryText(entry)) === true;
  const frontend: IpSetEntry = { kind: 'address-port', address, protocol, port };
  if (FRONTEND_SETS.some((id) => holds(id, frontend))) return true;
  if (protocol === 'SCTP') return holds('NODE-PORT-SCTP-HASH', frontend);
  return holds(`NODE-PORT-${protocol}`, { kind: 'port', port });
}

/** `--ipvs-exclude-cidrs`: virtual servers there are never deleted, even ours. */
export function isExcluded(excludeCIDRs: readonly string[], server: VirtualServer): boolean {
  return anyCidrContains(excludeCIDRs, server.address);
}

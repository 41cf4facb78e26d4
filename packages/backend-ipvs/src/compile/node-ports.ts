/** Node ports: a virtual server for each address of the node, and sets of the ports to masquerade. */
import { isLinkLocalIPv6, type DesiredNode, type Protocol } from '@signalbox/core';
import type { SetId } from './names.ts';
import type { PlacedEntry } from './ip-sets.ts';
import type { FrontendPort } from './virtual-servers.ts';

/**
 * Which of the node's addresses answer on node ports. Service addresses that are bound on the device of Signalbox look
 * like addresses of the node to programs that list them, and must not become such; nor may link-local ones, which
 * mean nothing without an interface.
 *
 * `serviceAddresses`: those that belong on the device of Signalbox and on no other.
 */
export function nodePortAddresses(
  node: DesiredNode,
  serviceAddresses: { has(address: string): boolean },
): readonly string[] {
  return node.nodePortIPs.filter((address) => !serviceAddresses.has(address) && !isLinkLocalIPv6(address));
}

const GENERAL: Readonly<Record<Protocol, SetId>> = {
  TCP: 'NODE-PORT-TCP',
  UDP: 'NODE-PORT-UDP',
  SCTP: 'NODE-PORT-SCTP-HASH',
};

const LOCAL: Readonly<Record<Protocol, SetId>> = {
  TCP: 'NODE-PORT-LOCAL-TCP',
  UDP: 'NODE-PORT-LOCAL-UDP',
  SCTP: 'NODE-PORT-LOCAL-SCTP-HASH',
};

/** Entries of one node port. A local one is in both sets: its rule comes first. */
export function nodePortEntries(
  ports: readonly FrontendPort[],
  masqueraded: 'always' | 'from-node',
): readonly PlacedEntry[] {
  const kinds = masqueraded === 'always' ? [GENERAL] : [GENERAL, LOCAL];
  return kinds.flatMap((sets) => ports.map((port) => nodePortEntry(sets[port.protocol], port)));
}

/** There is no bitmap of SCTP ports that a rule could match, so those name the address too. */
function nodePortEntry(set: SetId, port: FrontendPort): PlacedEntry {
  return port.protocol === 'SCTP'
    ? { set, entry: { kind: 'address-port', ...port } }
    : { set, entry: { kind: 'port', port: port.port } };
}

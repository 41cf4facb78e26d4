/** Whether a packet matches typed rules. */
import { anyCidrContains, isLoopback } from '@signalbox/core';
import type { TracedPacket as CommonPacket } from '@signalbox/core/testing';
import { isHeader } from '../encode/match-text.ts';
import type { ExtensionMatch, HeaderMatch, Match, PortRange, RecentMatch } from '../objects/match.ts';

/** A packet during traversal: the properties that rules can match. */
export interface TracedPacket extends CommonPacket {
  readonly sourcePort: number;
  readonly outInterface: string | null;
}

/** `-m recent`: list → address → seconds when it was last recorded. */
export type RecentLists = Map<string, Map<string, number>>;

/** The content of sets, for rules that match sets: set name, directions, packet → result. */
export type SetLookup = (
  name: string,
  directions: readonly ('src' | 'dst')[],
  packet: TracedPacket,
) => boolean;

/** The state of the node that the conditions of rules depend on. */
export interface World {
  /** The node's own addresses. */
  readonly addresses: readonly string[];
  readonly recent: RecentLists;
  /** Seconds. */
  readonly now: () => number;
  /** Absent: no packet matches a set. */
  readonly sets?: SetLookup;
  /** Lists are written: for connections, not for queries. */
  readonly remember: boolean;
}

/** True, false, or true with a probability. */
export type MatchAnswer = boolean | { readonly probability: number };

/** Whether the packet, as the first of its connection, matches. `bridge-port` and `ipvs` match none, and of address types only LOCAL. */
export function matches(match: Match, packet: TracedPacket, world: World): MatchAnswer {
  if (match.kind === 'probability') return { probability: match.numerator / 2 ** 31 };
  const inverted = 'invert' in match && match.invert;
  const holds = isHeader(match) ? headerHolds(match, packet) : extensionHolds(match, packet, world);
  return holds !== inverted;
}

function headerHolds(match: HeaderMatch, packet: TracedPacket): boolean {
  switch (match.kind) {
    case 'source':
      return inCidr(match.cidr, packet.source);
    case 'destination':
      return inCidr(match.cidr, packet.destination);
    case 'in-interface':
      return isInterface(match.name, packet.inInterface);
    case 'out-interface':
      return isInterface(match.name, packet.outInterface);
    case 'protocol':
      return match.protocol === packet.protocol;
  }
}

function extensionHolds(
  match: Exclude<ExtensionMatch, { kind: 'probability' }>,
  packet: TracedPacket,
  world: World,
): boolean {
  switch (match.kind) {
    case 'ports':
      return hasPorts(match, packet);
    case 'mark':
      return (packet.mark & match.mask) >>> 0 === match.value >>> 0;
    case 'address-type':
      return match.type === 'LOCAL' && isNodeAddress(packet[match.side], world);
    case 'conntrack-state':
      return inState(match.states, packet);
    case 'recent':
      return isRecent(match, packet, world);
    case 'ip-set':
      return world.sets?.(match.name, match.directions, packet) ?? false;
    case 'comment':
    case 'accounting':
      return true;
    case 'bridge-port':
    case 'ipvs':
      return false;
  }
}

function hasPorts({ source, destination }: PortsMatch, packet: TracedPacket): boolean {
  return inRange(source, packet.sourcePort) && inRange(destination, packet.destinationPort);
}

type PortsMatch = Extract<ExtensionMatch, { kind: 'ports' }>;

/** A first packet is NEW, and also DNAT once its destination is translated. */
function inState(states: readonly string[], packet: TracedPacket): boolean {
  return states.includes('NEW') || (packet.translated && states.includes('DNAT'));
}

/** Whether the address is of the node (type LOCAL): a loopback address, or one of `addresses`. */
export function isNodeAddress(address: string, world: World): boolean {
  return isLoopback(address) || world.addresses.includes(address);
}

function inCidr(cidr: string, address: string): boolean {
  return cidr.endsWith('/0') || anyCidrContains([cidr], address);
}

function isInterface(name: string, actual: string | null): boolean {
  if (actual === null) return false;
  return name.endsWith('+') ? actual.startsWith(name.slice(0, -1)) : actual === name;
}

function inRange(range: PortRange | null, port: number): boolean {
  return range === null || (port >= range.first && port <= range.last);
}

function isRecent(match: RecentMatch, packet: TracedPacket, world: World): boolean {
  const list = world.recent.get(match.name) ?? new Map<string, number>();
  const seen = list.get(packet.source);
  if (match.operation === 'set') {
    if (world.remember) world.recent.set(match.name, list.set(packet.source, world.now()));
    return true;
  }
  if (match.operation === 'remove') return seen !== undefined;
  const fresh = seen !== undefined && (match.seconds === undefined || world.now() - seen <= match.seconds);
  if (fresh && match.operation === 'update' && world.remember) list.set(packet.source, world.now());
  return fresh;
}

/** The start of a traced packet, and the outcome from the paths that it can take: for tracers of any rules. */
import { formatAddressPort } from '../model/ip.ts';
import type { Destination, Outcome, Packet } from '../explain/packet.ts';

/** A packet in traversal of the hooks. */
export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  /** In lower case, as in rules. */
  readonly protocol: string;
  readonly destinationPort: number;
  /** `null`: sent by the node. */
  readonly inInterface: string | null;
  readonly mark: number;
  /** The destination was rewritten. */
  readonly translated: boolean;
  readonly masqueraded: boolean;
}

/** The packet before the first hook: no mark, and neither translated nor masqueraded. */
export function atStart({
  source,
  destination,
  protocol,
  destinationPort,
  inInterface,
}: Packet): TracedPacket {
  const onTheWire = { source, destination, protocol: protocol.toLowerCase(), destinationPort, inInterface };
  return { ...onTheWire, mark: 0, translated: false, masqueraded: false };
}

/** One path of a packet to its verdict. Every verdict but `drop` and `reject` lets it pass. */
interface PacketEnd {
  readonly verdict: string;
  readonly packet: Pick<TracedPacket, 'destination' | 'destinationPort' | 'translated' | 'masqueraded'>;
}

/** Throws if the paths end in different kinds of outcome, or if there is none. */
export function outcomeOf(ends: readonly PacketEnd[]): Outcome {
  const kinds = new Set(ends.map(kindOf));
  const [kind] = kinds;
  if (kind === undefined || kinds.size > 1) {
    throw new Error(`the packet may end in different ways: ${[...kinds].join(', ')}`);
  }
  return kind === 'forward' ? { kind, destinations: destinationsOf(ends) } : { kind };
}

function kindOf({ verdict, packet }: PacketEnd): Outcome['kind'] {
  if (verdict === 'drop' || verdict === 'reject') return verdict;
  return packet.translated ? 'forward' : 'pass';
}

function destinationsOf(ends: readonly PacketEnd[]): readonly Destination[] {
  const found = new Map<string, Destination>();
  for (const { packet } of ends) {
    const { destination: address, destinationPort: port, masqueraded: masquerade } = packet;
    found.set(`${formatAddressPort(address, port)} ${masquerade}`, { address, port, masquerade });
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, destination]) => destination);
}

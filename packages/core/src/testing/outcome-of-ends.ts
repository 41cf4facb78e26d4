/** From the ways that a traced packet may take to its outcome: for tracers of rules of any kind. */
import { formatAddressPort } from '../model/ip.ts';
import type { Destination, Outcome } from '../explain/packet.ts';

/** One way of a packet to its end. Every verdict but `drop` and `reject` lets it pass. */
interface PacketEnd {
  readonly verdict: string;
  readonly packet: {
    readonly destination: string;
    readonly destinationPort: number;
    /** The destination was rewritten. */
    readonly translated: boolean;
    readonly masqueraded: boolean;
  };
}

/** Throws if the ways end in different kinds of outcome, or if there is none. */
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

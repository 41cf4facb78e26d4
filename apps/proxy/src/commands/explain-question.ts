/** `FROM TO` of `signalbox explain`: which packet is meant. */
import { canonicalAddress, familyOf, PROTOCOLS, type Family, type Packet } from '@signalbox/core';

export interface Question {
  readonly family: Family;
  readonly packet: Packet;
}

/** `nodeAddresses`: a packet from one of these is sent by the node itself. The reason when it makes no sense. */
export function parseQuestion(from: string, to: string, nodeAddresses: readonly string[]): Question | string {
  const [address = '', inInterface = 'unknown'] = from.split('%');
  const source = canonicalAddress(address);
  if (source === null) return `FROM: ${JSON.stringify(from)} is not address[%interface]`;
  const target = parseTarget(to);
  if (target === null) return `TO: ${JSON.stringify(to)} is not address:port[/tcp|udp|sctp]`;
  const family = familyOf(target.destination);
  if (familyOf(source) !== family) return `FROM and TO are of different IP families: ${from}, ${to}`;
  const own = nodeAddresses.includes(source);
  return { family, packet: { ...target, source, inInterface: own ? null : inInterface } };
}

type Target = Pick<Packet, 'protocol' | 'destination' | 'destinationPort'>;

function parseTarget(text: string): Target | null {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})(?:\/(\w+))?$/.exec(text);
  if (match === null) return null;
  const [, inBrackets, plain, port, named = 'TCP'] = match;
  const destination = canonicalAddress(inBrackets ?? plain ?? '');
  const destinationPort = Number(port);
  const protocol = PROTOCOLS.find((name) => name === named.toUpperCase());
  const valid =
    destination !== null && protocol !== undefined && destinationPort >= 1 && destinationPort <= 65_535;
  return valid ? { protocol, destination, destinationPort } : null;
}

/**
 * Keys of dispatch entries: hexadecimal digits in the order in which rules distinguish packets. Keys of address trees
 * consist of the address, then the protocol, then the port; keys of port trees begin with the protocol. One rule can match
 * a prefix of a key.
 */
import { addressBytes, formatAddress, type Family, type Protocol } from '@signalbox/core';
import type { Match } from '@signalbox/iptables';
import { protocolName } from './frontend-match.ts';

export type DispatchBy = 'address' | 'port';

const PROTOCOL_DIGIT: Readonly<Record<Protocol, string>> = { TCP: '1', UDP: '2', SCTP: '3' };
const PROTOCOL_OF_DIGIT: Readonly<Record<string, Protocol>> = { '1': 'TCP', '2': 'UDP', '3': 'SCTP' };

export function portKey(protocol: Protocol, port: number): string {
  return PROTOCOL_DIGIT[protocol] + port.toString(16).padStart(4, '0');
}

export function addressKey(address: string, protocol: Protocol, port: number): string {
  return addressDigits(address) + portKey(protocol, port);
}

/** 8 digits for IPv4, 32 for IPv6. */
function addressDigits(address: string): string {
  return Array.from(addressBytes(address) ?? [], (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const ADDRESS_DIGITS: Readonly<Record<Family, number>> = { IPv4: 8, IPv6: 32 };

export function keyLength(by: DispatchBy, family: Family): number {
  return by === 'port' ? 5 : ADDRESS_DIGITS[family] + 5;
}

/** The match for packets whose key begins with `prefix`, and its description in words. */
export interface PrefixQuestion {
  readonly matches: readonly Match[];
  readonly words: string;
}

export function prefixQuestion(prefix: string, by: DispatchBy, family: Family): PrefixQuestion {
  const digits = by === 'port' ? 0 : ADDRESS_DIGITS[family];
  const matches: Match[] = [];
  const words: string[] = [];
  if (digits > 0) {
    const cidr = cidrOf(prefix.slice(0, digits), family);
    matches.push({ kind: 'destination', cidr });
    words.push(cidr);
  }
  const protocol = PROTOCOL_OF_DIGIT[prefix.charAt(digits)];
  if (protocol === undefined) return { matches, words: words.join(' ') };
  const name = protocolName(protocol);
  matches.push({ kind: 'protocol', protocol: name });
  words.push(name);
  const port = prefix.slice(digits + 1);
  if (port !== '') {
    const destination = { first: parseInt(port.padEnd(4, '0'), 16), last: parseInt(port.padEnd(4, 'f'), 16) };
    matches.push({ kind: 'ports', protocol: name, source: null, destination });
    words.push(`${destination.first}-${destination.last}`);
  }
  return { matches, words: words.join(' ') };
}

/** `0a60` → `10.96.0.0/16`. */
function cidrOf(digits: string, family: Family): string {
  const value = BigInt(`0x${digits.padEnd(ADDRESS_DIGITS[family], '0')}`);
  return `${formatAddress({ family, value })}/${digits.length * 4}`;
}

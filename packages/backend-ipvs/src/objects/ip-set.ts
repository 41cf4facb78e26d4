import type { Family, Protocol } from '@signalbox/core';

/** The set types in use, by ipset's names. */
export type IpSetType = 'hash:ip' | 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net' | 'bitmap:port';

export interface IpSet {
  /** At most 31 bytes. */
  readonly name: string;
  readonly type: IpSetType;
  /** `null` for `bitmap:port`, which has no addresses. */
  readonly family: Family | null;
  /** How many entries a hash takes before it refuses more; 65536 for the bitmap, one for each port. */
  readonly maxElements: number;
}

interface AddressPort {
  readonly address: string;
  readonly protocol: Protocol;
  readonly port: number;
}

export type IpSetEntry =
  | { readonly kind: 'address'; readonly address: string }
  | ({ readonly kind: 'address-port' } & AddressPort)
  | ({ readonly kind: 'address-port-address'; readonly second: string } & AddressPort)
  /** `network` is a CIDR. */
  | ({ readonly kind: 'address-port-network'; readonly network: string } & AddressPort)
  | { readonly kind: 'port'; readonly port: number };

/** As `ipset save` prints it, which makes it the identity within a set. */
export type IpSetEntryText = string;

export function entryText(entry: IpSetEntry): IpSetEntryText {
  switch (entry.kind) {
    case 'address':
      return entry.address;
    case 'address-port':
      return addressPort(entry);
    case 'address-port-address':
      return `${addressPort(entry)},${entry.second}`;
    case 'address-port-network':
      return `${addressPort(entry)},${hostNetwork(entry.network)}`;
    case 'port':
      return String(entry.port);
  }
}

function addressPort(entry: AddressPort): string {
  return `${entry.address},${entry.protocol.toLowerCase()}:${entry.port}`;
}

/** ipset prints networks of one address without their length. */
function hostNetwork(network: string): string {
  const full = network.includes(':') ? '/128' : '/32';
  return network.endsWith(full) ? network.slice(0, -full.length) : network;
}

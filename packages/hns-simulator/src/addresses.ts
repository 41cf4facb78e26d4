import { BlockList } from 'node:net';

/** Of anything that is an address; asked so often that no pattern is matched. */
export function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** Two spellings of one IPv6 address are one address. */
export function sameAddress(left: string, right: string): boolean {
  if (left === right) return true;
  if (familyOf(left) !== 'ipv6' || familyOf(right) !== 'ipv6') return false;
  return canonical(left) === canonical(right);
}

export function canonical(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address;
}

export function inPrefix(prefix: string, address: string): boolean {
  const [network = '', bits = '0'] = prefix.split('/');
  if (familyOf(network) !== familyOf(address)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), familyOf(network));
  return list.check(address, familyOf(address));
}

import { networkInterfaces } from 'node:os';
import { addressKey } from '../objects/address.ts';

/** MAC address of the interface that has `address`, as HNS spells it: `02-fc-00-00-00-01`; `null` if none has it. */
export function findHostMac(address: string): string | null {
  const entries = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const found = entries.find((entry) => addressKey(entry.address) === addressKey(address));
  return found === undefined ? null : found.mac.toLowerCase().replaceAll(':', '-');
}

import { parseCidr, type Cidr } from '../model/cidr.ts';
import type { Family } from '../model/family.ts';
import { canonicalAddress } from '../model/ip.ts';
import { refusalOf, type AddressUse } from '../model/special-address.ts';
import { text, type ProblemLog } from './reader.ts';

/** A list entry and its position, for problem reports. */
export interface Placed {
  readonly field: string;
  readonly value: unknown;
}

export function placed(field: string, values: readonly unknown[]): Placed[] {
  return values.map((value, index) => ({ field: `${field}[${index}]`, value }));
}

/** Canonical addresses in order, without duplicates. Empty strings are skipped without a problem, as in kube-proxy. */
export function readAddresses(
  entries: readonly Placed[],
  log: ProblemLog,
  use: AddressUse | 'node',
): string[] {
  const found = new Set<string>();
  for (const { field, value } of entries) {
    if (value === '' || value === null || value === undefined) continue;
    const address = canonicalAddress(text(value));
    const reason = addressProblem(address, use);
    if (reason !== null) log.add(field, value, reason);
    else if (address !== null) found.add(address);
  }
  return [...found];
}

/** Why this address, as `canonicalAddress` returned it, cannot have this use; null if it can. */
export function addressProblem(address: string | null, use: AddressUse | 'node'): string | null {
  if (address === null) return 'must be an IP address';
  return use === 'node' ? null : refusalOf(address, use);
}

/** CIDRs in order, without duplicates; surrounding blanks are allowed. */
export function readCidrs(entries: readonly Placed[], log: ProblemLog): Cidr[] {
  const found = new Map<string, Cidr>();
  for (const { field, value } of entries) {
    const trimmed = text(value).trim();
    if (value === '') continue;
    const cidr = parseCidr(trimmed);
    if (cidr === null) log.add(field, value, 'must be a CIDR');
    else found.set(cidr.text, cidr);
  }
  return [...found.values()];
}

export function cidrsOfFamily(cidrs: readonly Cidr[], family: Family): string[] {
  return cidrs.filter((cidr) => cidr.family === family).map((cidr) => cidr.text);
}

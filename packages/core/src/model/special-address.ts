/** Special addresses: those that the Kubernetes API refuses as endpoints and service addresses. */

export type SpecialAddress = 'unspecified' | 'loopback' | 'broadcast' | 'multicast' | 'link-local';

/** What an address of an object is used for. */
export type AddressUse = 'cluster-ip' | 'external-ip' | 'load-balancer-ip' | 'endpoint';

/** By their canonical text: decoding a slice looks up each of its endpoints. */
const PATTERNS: readonly (readonly [special: SpecialAddress, pattern: RegExp])[] = [
  ['unspecified', /^(0\.0\.0\.0|::)$/],
  ['loopback', /^(127\.|::1$)/],
  ['broadcast', /^255\.255\.255\.255$/],
  ['multicast', /^(2(2[4-9]|3[0-9])\.|ff[0-9a-f]{2}:)/],
  ['link-local', /^(169\.254\.|fe[89ab][0-9a-f]:)/],
];

/**
 * The API refuses link-local addresses of endpoints and external IPs. Cluster IPs come from the range that the
 * administrator chose, and load-balancer IPs are written by a controller: both may be link-local.
 */
const LINK_LOCAL_ALLOWED: ReadonlySet<AddressUse> = new Set(['cluster-ip', 'load-balancer-ip']);

/** Of canonical text. Null for an ordinary unicast address. */
export function specialAddress(address: string): SpecialAddress | null {
  return PATTERNS.find(([, pattern]) => pattern.test(address))?.[0] ?? null;
}

/** Why this address (canonical text) cannot have this use; null if it can. */
export function refusalOf(address: string, use: AddressUse): string | null {
  const special = specialAddress(address);
  if (special === null || (special === 'link-local' && LINK_LOCAL_ALLOWED.has(use))) return null;
  return `must not be ${special === 'unspecified' ? 'an' : 'a'} ${special} address`;
}

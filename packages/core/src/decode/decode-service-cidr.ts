import { placed, readCidrs } from './addresses.ts';
import { clusterIdentity, fields, items, type Decoded } from './reader.ts';

/** A ServiceCIDR as parsed JSON, to its canonical CIDRs of both families. */
export function decodeServiceCidr(object: unknown): Decoded<readonly string[]> {
  const identity = clusterIdentity('ServiceCIDR', object);
  if (!('metadata' in identity)) return identity;
  const entries = placed('spec.cidrs', items(fields(fields(object)['spec'])['cidrs']));
  const value = readCidrs(entries, identity.log).map((cidr) => cidr.text);
  return { key: identity.key, value, problems: identity.log.found };
}

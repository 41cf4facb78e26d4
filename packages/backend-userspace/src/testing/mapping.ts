import { parseAddressMapping, type AddressMapping } from '../compile/address-map.ts';

/** A valid mapping from its text: `10.96.0.0/16=127.96.0.0/16`. */
export function mapping(text: string): AddressMapping {
  const parsed = parseAddressMapping(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

import type { NetlinkMessage } from '../../codec/message.ts';
import { decodeAddress, type LinkAddressState } from './address.ts';
import { RTM } from './constants.ts';
import { decodeLink, type Link } from './link.ts';

/** The notifications of the multicast groups of `ROUTE_GROUP`. */
export type RouteNotification =
  | { readonly kind: 'link-set' | 'link-gone'; readonly link: Link }
  | { readonly kind: 'address-set' | 'address-gone'; readonly address: LinkAddressState };

export function decodeNotification(message: NetlinkMessage): RouteNotification | undefined {
  const link = decodeLink(message);
  if (link !== undefined) return { kind: message.type === RTM.DELLINK ? 'link-gone' : 'link-set', link };
  const address = decodeAddress(message);
  if (address === undefined) return undefined;
  return { kind: message.type === RTM.DELADDR ? 'address-gone' : 'address-set', address };
}

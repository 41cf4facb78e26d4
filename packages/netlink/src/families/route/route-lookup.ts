import { addressBytes, type AddressFamily, addressText, FAMILY_NUMBER } from '../../codec/address.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes } from '../../codec/reader.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import type { LinkAddress } from './address.ts';
import { RTA, RTM, RTN_LOCAL } from './constants.ts';

/** `struct rtmsg`. */
const RTMSG_BYTES = 12;
const TYPE_AT = 7;

/** Which route a packet to this address takes. */
export function encodeGetRoute({ family, address, prefixLength }: LinkAddress): NetlinkRequest {
  const header = Buffer.alloc(RTMSG_BYTES);
  header[0] = FAMILY_NUMBER[family];
  header[1] = prefixLength;
  const payload = new PayloadWriter().raw(header).bytes(RTA.DST, addressBytes(address)).finish();
  return { operation: 'RTM_GETROUTE', type: RTM.GETROUTE, flags: 0, payload, context: { subject: address } };
}

/** To be dumped: the routes of all tables. */
export function encodeListRoutes(family: AddressFamily): NetlinkRequest {
  const payload = Buffer.alloc(RTMSG_BYTES);
  payload[0] = FAMILY_NUMBER[family];
  return { operation: 'RTM_GETROUTE', type: RTM.GETROUTE, flags: 0, payload };
}

/** The address whose packets the route delivers on this host; absent for any other route. */
export function decodeLocalRoute(message: NetlinkMessage): string | undefined {
  if (message.type !== RTM.NEWROUTE || message.payload.length < RTMSG_BYTES) return undefined;
  if (message.payload[TYPE_AT] !== RTN_LOCAL) return undefined;
  return addressText(readAttributes(message.payload.subarray(RTMSG_BYTES)).get(RTA.DST));
}

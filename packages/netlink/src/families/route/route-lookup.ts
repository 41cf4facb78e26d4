import { addressBytes, FAMILY_NUMBER } from '../../codec/address.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import { type LinkAddress } from './address.ts';
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

/** Whether packets that take the route are delivered on this host. */
export function decodeIsLocal(message: NetlinkMessage): boolean | undefined {
  if (message.type !== RTM.NEWROUTE || message.payload.length < RTMSG_BYTES) return undefined;
  return message.payload[TYPE_AT] === RTN_LOCAL;
}

import type { NetlinkMessage } from '../codec/message.ts';

/** nfnetlink (`linux/netfilter/nfnetlink.h`): one netlink protocol, many subsystems of netfilter. */

export const NFNETLINK_SUBSYSTEM = { conntrack: 1, ipset: 6, accounting: 7, nftables: 10 } as const;

export const NFGENMSG_BYTES = 4;

/** `nlmsg_type`: the subsystem in the high byte, its command in the low one. */
export function netfilterType(subsystem: keyof typeof NFNETLINK_SUBSYSTEM, command: number): number {
  return (NFNETLINK_SUBSYSTEM[subsystem] << 8) | command;
}

/** `struct nfgenmsg`: address family, version 0, resource id in network order. */
export function netfilterHeader(family: number, resourceId = 0): Uint8Array {
  return Uint8Array.of(family, 0, resourceId >> 8, resourceId & 0xff);
}

export function netfilterAttributes(message: NetlinkMessage): Buffer {
  return message.payload.subarray(NFGENMSG_BYTES);
}

/** Numbers of `linux/netlink.h`. */

export const NETLINK_PROTOCOL = { route: 0, netfilter: 12, generic: 16 } as const;

/** Protocol of the socket: `NETLINK_ROUTE`, `NETLINK_NETFILTER` or `NETLINK_GENERIC`. */
export type NetlinkProtocol = keyof typeof NETLINK_PROTOCOL;

export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_HEADER_BYTES = 16;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
/** The table changed under the dump: what was delivered may lack entries. */
export const NLM_F_DUMP_INTR = 0x10;
/** Only on NLMSG_ERROR: the refused message was cut down to its header. */
export const NLM_F_CAPPED = 0x100;
/** Only on NLMSG_ERROR and NLMSG_DONE: extended-ACK attributes follow. */
export const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

export const NLA_F_NESTED = 0x8000;
/** The value is in network byte order; ipset refuses integers without it. */
export const NLA_F_NET_BYTEORDER = 0x4000;
export const NLA_TYPE_MASK = 0x3fff;
export const NLA_HEADER_BYTES = 4;
/** `nla_len` is 16 bits wide. */
export const NLA_MAX_BYTES = 0xffff;

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** Netlink pads messages and attributes to 4 bytes. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

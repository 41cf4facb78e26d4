/** Numbers of `linux/netfilter/nfnetlink_conntrack.h`. */

export const IPCTNL_MSG_CT = { NEW: 0, GET: 1, DELETE: 2 } as const;

export const CTA = {
  TUPLE_ORIG: 1,
  TUPLE_REPLY: 2,
  STATUS: 3,
  PROTOINFO: 4,
  TIMEOUT: 7,
  MARK: 8,
  ID: 12,
  ZONE: 18,
  FILTER: 25,
} as const;

export const CTA_TUPLE = { IP: 1, PROTO: 2 } as const;

export const CTA_IP = { V4_SRC: 1, V4_DST: 2, V6_SRC: 3, V6_DST: 4 } as const;

export const CTA_PROTO = { NUM: 1, SRC_PORT: 2, DST_PORT: 3 } as const;

export const CTA_FILTER = { ORIG_FLAGS: 1, REPLY_FLAGS: 2 } as const;

/** Which parts of the tuple of a dump's filter count (kernel 5.8 and later). */
export const CTA_FILTER_FLAG_PROTO_NUM = 1 << 3;

export const CTA_PROTOINFO_TCP = 1;
export const CTA_PROTOINFO_TCP_STATE = 1;

/** `TCP_CONNTRACK_ESTABLISHED`. */
export const TCP_STATE_ESTABLISHED = 3;

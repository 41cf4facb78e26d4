/** Numbers of `linux/rtnetlink.h`, `linux/if_link.h` and `linux/if_addr.h`. */

export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  GETROUTE: 26,
} as const;

export const RTA = { DST: 1 } as const;

/** `rtm_type` of a route to an address of this host. */
export const RTN_LOCAL = 2;

export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  MASTER: 10,
  OPERSTATE: 16,
  LINKINFO: 18,
} as const;

export const IFLA_INFO = { KIND: 1, DATA: 2 } as const;

export const VETH_INFO_PEER = 1;

export const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, CACHEINFO: 6, FLAGS: 8 } as const;

/** `IFF_*`. */
export const LINK_FLAG = { up: 0x1, loopback: 0x8, noArp: 0x80 } as const;

/** `IFA_F_*`. */
export const ADDRESS_FLAG = {
  secondary: 0x1,
  noDad: 0x2,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
} as const;

/** `rtnetlink_groups`: multicast groups a socket can join. */
export const ROUTE_GROUP = { link: 1, ipv4Address: 5, ipv6Address: 9 } as const;

/** `RT_SCOPE_*`. */
export const ADDRESS_SCOPE = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

/** A name of `ADDRESS_SCOPE`. */
export type AddressScope = keyof typeof ADDRESS_SCOPE;

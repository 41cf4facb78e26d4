/** Numbers of `linux/ip_vs.h`, grouped by the message they belong to. */

export const IPVS_GENL_NAME = 'IPVS';
export const IPVS_GENL_VERSION = 1;

export const IPVS_CMD = {
  NEW_SERVICE: 1,
  SET_SERVICE: 2,
  DEL_SERVICE: 3,
  GET_SERVICE: 4,
  NEW_DEST: 5,
  SET_DEST: 6,
  DEL_DEST: 7,
  GET_DEST: 8,
  SET_CONFIG: 12,
  GET_CONFIG: 13,
  SET_INFO: 14,
  GET_INFO: 15,
} as const;

export type IpvsCommand = keyof typeof IPVS_CMD;

export const IPVS_CMD_ATTR = {
  SERVICE: 1,
  DEST: 2,
  TIMEOUT_TCP: 4,
  TIMEOUT_TCP_FIN: 5,
  TIMEOUT_UDP: 6,
} as const;

export const IPVS_SVC_ATTR = {
  AF: 1,
  PROTOCOL: 2,
  ADDR: 3,
  PORT: 4,
  FWMARK: 5,
  SCHED_NAME: 6,
  FLAGS: 7,
  TIMEOUT: 8,
  NETMASK: 9,
  STATS: 10,
} as const;

export const IPVS_DEST_ATTR = {
  ADDR: 1,
  PORT: 2,
  FWD_METHOD: 3,
  WEIGHT: 4,
  U_THRESH: 5,
  L_THRESH: 6,
  ACTIVE_CONNS: 7,
  INACT_CONNS: 8,
  PERSIST_CONNS: 9,
  STATS: 10,
  ADDR_FAMILY: 11,
} as const;

export const IPVS_STATS_ATTR = { CONNS: 1, INPKTS: 2, OUTPKTS: 3, INBYTES: 4, OUTBYTES: 5 } as const;

export const IPVS_INFO_ATTR = { VERSION: 1, CONN_TAB_SIZE: 2 } as const;

/** Service flags (`IP_VS_SVC_F_*`). */
export const IPVS_SERVICE_FLAG = {
  persistent: 0x1,
  /** Set by the kernel: the service is in its hash table. Of no meaning in a request. */
  hashed: 0x2,
  onePacket: 0x4,
  /** `sh-fallback`, `mh-fallback`. */
  schedulerFallback: 0x8,
  /** `sh-port`, `mh-port`. */
  schedulerPort: 0x10,
} as const;

/** Forwarding methods (`IP_VS_CONN_F_*`), the low three bits. */
export const IPVS_FORWARDING = { masquerade: 0, local: 1, tunnel: 2, route: 3, bypass: 4 } as const;
export const IPVS_FORWARDING_MASK = 0x7;

/** How packets reach a destination; ipvsadm(8) has `-m` for `masquerade`, `-i` for `tunnel`, `-g` for `route`. */
export type IpvsForwarding = keyof typeof IPVS_FORWARDING;

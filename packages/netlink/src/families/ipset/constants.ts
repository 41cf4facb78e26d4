import type { ErrnoTable } from '../../result.ts';

/** Numbers of `linux/netfilter/ipset/ip_set.h` and its `_hash.h`, `_bitmap.h`, grouped by where they occur. */

/** The protocol this package speaks; kernels since 2.6.39 know 6, since 5.0 also 7. */
export const IPSET_PROTOCOL_NEWEST = 7;
export const IPSET_PROTOCOL_OLDEST = 6;

export const IPSET_CMD = {
  PROTOCOL: 1,
  CREATE: 2,
  DESTROY: 3,
  FLUSH: 4,
  RENAME: 5,
  SWAP: 6,
  LIST: 7,
  ADD: 9,
  DEL: 10,
  TYPE: 13,
} as const;

export type IpsetCommand = keyof typeof IPSET_CMD;

/** Top level of every message. */
export const IPSET_ATTR = {
  PROTOCOL: 1,
  SETNAME: 2,
  TYPENAME: 3,
  /** The other set's name in RENAME and SWAP. */
  SETNAME2: 3,
  REVISION: 4,
  FAMILY: 5,
  FLAGS: 6,
  DATA: 7,
  ADT: 8,
  LINENO: 9,
  PROTOCOL_MIN: 10,
  REVISION_MIN: 10,
} as const;

/** Inside DATA: of an entry, and of a set's options. */
export const IPSET_DATA = {
  IP: 1,
  CIDR: 3,
  PORT: 4,
  PORT_TO: 5,
  PROTO: 7,
  LINENO: 9,
  HASHSIZE: 18,
  MAXELEM: 19,
  IP2: 20,
  CIDR2: 21,
  ELEMENTS: 24,
  REFERENCES: 25,
  MEMSIZE: 26,
} as const;

export const IPSET_IPADDR = { IPV4: 1, IPV6: 2 } as const;

/** Command flag of LIST: names only. */
export const IPSET_FLAG_LIST_SETNAME = 2;

/** Errors are negative errnos; those above 4096 are ipset's own. 4352 and up depend on the set's type. */
export const IPSET_ERRORS: ErrnoTable = new Map([
  [4097, { name: 'IPSET_ERR_PROTOCOL' }],
  [4098, { name: 'IPSET_ERR_FIND_TYPE', code: 'unsupported' }],
  [4099, { name: 'IPSET_ERR_MAX_SETS' }],
  [4100, { name: 'IPSET_ERR_BUSY', code: 'busy' }],
  [4101, { name: 'IPSET_ERR_EXIST_SETNAME2', code: 'exists' }],
  [4102, { name: 'IPSET_ERR_TYPE_MISMATCH' }],
  // "Already there" for add, "not there" for del: which one is known by the command.
  [4103, { name: 'IPSET_ERR_EXIST', code: 'exists' }],
  [4104, { name: 'IPSET_ERR_INVALID_CIDR' }],
  [4105, { name: 'IPSET_ERR_INVALID_NETMASK' }],
  [4106, { name: 'IPSET_ERR_INVALID_FAMILY' }],
  [4107, { name: 'IPSET_ERR_TIMEOUT' }],
  [4108, { name: 'IPSET_ERR_REFERENCED', code: 'busy' }],
  [4109, { name: 'IPSET_ERR_IPADDR_IPV4' }],
  [4110, { name: 'IPSET_ERR_IPADDR_IPV6' }],
]);

export const IPSET_HASH_ERRORS: ErrnoTable = new Map([
  ...IPSET_ERRORS,
  [4352, { name: 'IPSET_ERR_HASH_FULL' }],
  [4353, { name: 'IPSET_ERR_HASH_ELEM' }],
  [4354, { name: 'IPSET_ERR_INVALID_PROTO' }],
  [4355, { name: 'IPSET_ERR_MISSING_PROTO' }],
  [4356, { name: 'IPSET_ERR_HASH_RANGE_UNSUPPORTED' }],
  [4357, { name: 'IPSET_ERR_HASH_RANGE' }],
]);

export const IPSET_BITMAP_ERRORS: ErrnoTable = new Map([
  ...IPSET_ERRORS,
  [4352, { name: 'IPSET_ERR_BITMAP_RANGE' }],
  [4353, { name: 'IPSET_ERR_BITMAP_RANGE_SIZE' }],
]);

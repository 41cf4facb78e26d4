/** Numbers of `linux/netfilter/nf_tables.h` and of the batch messages of `linux/netfilter/nfnetlink.h`. */

export const NFNL_MSG_BATCH = { BEGIN: 16, END: 17 } as const;

export const NFNL_BATCH_GENID = 1;

export const NFT_MSG = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  DELCHAIN: 5,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  GETSET: 10,
  DELSET: 11,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
  NEWGEN: 15,
  GETGEN: 16,
} as const;

export type NftMessage = keyof typeof NFT_MSG;

export const NFTA_TABLE = { NAME: 1, FLAGS: 2, USERDATA: 6 } as const;
/** `NFT_TABLE_F_DORMANT`. */
export const TABLE_FLAG_DORMANT = 1;
export const NFTA_CHAIN = { TABLE: 1, HANDLE: 2, NAME: 3, HOOK: 4, POLICY: 5, TYPE: 7 } as const;
export const NFTA_HOOK = { NUMBER: 1, PRIORITY: 2 } as const;
export const NFTA_RULE = { TABLE: 1, CHAIN: 2, HANDLE: 3, EXPRESSIONS: 4, USERDATA: 7 } as const;
export const NFTA_SET = {
  TABLE: 1,
  NAME: 2,
  FLAGS: 3,
  KEY_TYPE: 4,
  KEY_LENGTH: 5,
  DATA_TYPE: 6,
  DATA_LENGTH: 7,
  DESCRIPTION: 9,
  ID: 10,
  TIMEOUT: 11,
  USERDATA: 13,
  HANDLE: 16,
  EXPRESSION: 17,
  COUNT: 20,
} as const;
export const NFTA_SET_DESC_CONCAT = 2;
export const NFTA_ELEMENT_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
export const NFTA_ELEMENT = {
  KEY: 1,
  DATA: 2,
  FLAGS: 3,
  TIMEOUT: 4,
  EXPIRATION: 5,
  USERDATA: 6,
  EXPRESSION: 7,
  KEY_END: 10,
} as const;
export const NFTA_DATA = { VALUE: 1, VERDICT: 2 } as const;
export const NFTA_VERDICT = { CODE: 1, CHAIN: 2 } as const;
export const NFTA_EXPRESSION = { NAME: 1, DATA: 2 } as const;
export const NFTA_LIST_ELEMENT = 1;
export const NFTA_GEN = { ID: 1 } as const;

/** `NFT_NAME_MAXLEN` without its NUL. */
export const NAME_BYTES = 255;

/** `NFPROTO_` numbers, by nft's words. */
export const NFPROTO = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

/** Address family of a table, by the word that nft(8) has for it. */
export type NftablesFamily = keyof typeof NFPROTO;

/** Hook numbers of the families ip, ip6 and inet. */
export const HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

/** Hook of a base chain, by the word that nft(8) has for it. */
export type NftablesHook = keyof typeof HOOK;

export const VERDICT = {
  drop: 0,
  accept: 1,
  continue: -1,
  break: -2,
  jump: -3,
  goto: -4,
  return: -5,
} as const;

export const SET_FLAG = {
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  dynamic: 0x20,
  object: 0x40,
  concatenation: 0x80,
} as const;

/** A name of `NFT_SET_*`. */
export type SetFlag = keyof typeof SET_FLAG;

/** nft's types: id in a concatenation (6 bits each, the first field highest) and bytes of a value. */
export const DATA_TYPE = {
  integer: { id: 4, bytes: 4 },
  ipv4_addr: { id: 7, bytes: 4 },
  ipv6_addr: { id: 8, bytes: 16 },
  inet_proto: { id: 12, bytes: 1 },
  inet_service: { id: 13, bytes: 2 },
  mark: { id: 19, bytes: 4 },
} as const;

/** Type of one field of a key or of data, by the word that nft(8) has for it. */
export type DataType = keyof typeof DATA_TYPE;

/** `NFT_DATA_VERDICT`. */
export const VERDICT_DATA_TYPE = 0xffff_ff00;

/** Numbers of `linux/netfilter/nf_tables.h` and of the batch messages of `linux/netfilter/nfnetlink.h`. */

export const NFNL_MSG_BATCH = { BEGIN: 16, END: 17 } as const;

export const NFT_MSG = { NEWTABLE: 0, GETTABLE: 1, DELTABLE: 2, GETGEN: 16 } as const;

export const NFTA_TABLE = { NAME: 1 } as const;

export const NFTA_GEN = { ID: 1 } as const;

/** `NFT_NAME_MAXLEN` without its NUL. */
export const NAME_BYTES = 255;

/** `NFPROTO_` numbers, by nft's words. */
export const NFPROTO = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

export type NftablesFamily = keyof typeof NFPROTO;

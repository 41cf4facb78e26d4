import type { ErrnoTable } from '../../result.ts';

/** Numbers of `linux/netfilter/nfnetlink_acct.h`. */

export const NFNL_MSG_ACCT = { NEW: 0, GET: 1, GET_CTRZERO: 2, DEL: 3 } as const;

export type AccountingCommand = keyof typeof NFNL_MSG_ACCT;

export const NFACCT = { NAME: 1, PKTS: 2, BYTES: 3, USE: 4 } as const;

/** `NFACCT_NAME_MAX` without its NUL. */
export const NAME_BYTES = 31;

/** nfnetlink returns it for a subsystem that is not there; the requests of this package give no other reason for it. */
export const ACCOUNTING_ERRORS: ErrnoTable = new Map([[22, { name: 'EINVAL', code: 'unsupported' }]]);

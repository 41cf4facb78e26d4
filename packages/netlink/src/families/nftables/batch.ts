import { AF_UNSPEC } from '../../codec/constants.ts';
import type { NetlinkRequest } from '../../codec/message.ts';
import type { Transaction } from '../../socket/transport.ts';
import { netfilterHeader, NFNETLINK_SUBSYSTEM } from '../nfnetlink.ts';
import { NFNL_MSG_BATCH } from './constants.ts';

/** All of `requests` or none: nf_tables takes changes only so. */
export function encodeBatch(requests: readonly NetlinkRequest[]): Transaction {
  return { begin: batchMessage('BEGIN'), requests, end: batchMessage('END') };
}

/** Not of a subsystem: the header's resource id says whose batch it is. */
function batchMessage(which: keyof typeof NFNL_MSG_BATCH): NetlinkRequest {
  return {
    operation: `NFNL_MSG_BATCH_${which}`,
    type: NFNL_MSG_BATCH[which],
    flags: 0,
    payload: netfilterHeader(AF_UNSPEC, NFNETLINK_SUBSYSTEM.nftables),
  };
}

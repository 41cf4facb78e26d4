import { AF_UNSPEC } from '../../codec/constants.ts';
import type { NetlinkRequest } from '../../codec/message.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import type { Transaction } from '../../socket/transport.ts';
import { netfilterHeader, NFNETLINK_SUBSYSTEM } from '../nfnetlink.ts';
import { NFNL_BATCH_GENID, NFNL_MSG_BATCH } from './constants.ts';

/**
 * All of `requests` or none: nf_tables takes changes only so. `generation`: the batch is refused as a whole, with ERESTART,
 * unless this is the generation of the kernel's rule set.
 */
export function encodeBatch(requests: readonly NetlinkRequest[], generation?: number): Transaction {
  return { begin: batchMessage('BEGIN', generation), requests, end: batchMessage('END') };
}

/** Not of a subsystem: the header's resource id names the subsystem of the batch. */
function batchMessage(which: keyof typeof NFNL_MSG_BATCH, generation?: number): NetlinkRequest {
  const writer = new PayloadWriter(16).raw(netfilterHeader(AF_UNSPEC, NFNETLINK_SUBSYSTEM.nftables));
  if (generation !== undefined) writer.u32BE(NFNL_BATCH_GENID, generation);
  return {
    operation: `NFNL_MSG_BATCH_${which}`,
    type: NFNL_MSG_BATCH[which],
    flags: 0,
    payload: writer.finish(),
  };
}

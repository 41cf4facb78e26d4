import { AF_UNSPEC, NLM_F_CREATE, NLM_F_EXCL } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readText, readU32BE, readU64BE } from '../../codec/reader.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import type { ErrnoTable } from '../../result.ts';
import { netfilterAttributes, netfilterHeader, netfilterType } from '../nfnetlink.ts';

/** Numbers of `linux/netfilter/nfnetlink_acct.h`. */

const NFNL_MSG_ACCT = { NEW: 0, GET: 1, GET_CTRZERO: 2, DEL: 3 } as const;

type AccountingCommand = keyof typeof NFNL_MSG_ACCT;

const NFACCT = { NAME: 1, PKTS: 2, BYTES: 3, USE: 4 } as const;

/** `NFACCT_NAME_MAX` without its NUL. */
const NAME_BYTES = 31;

/** nfnetlink returns it for a subsystem that is not there; the requests of this package give no other reason for it. */
const ACCOUNTING_ERRORS: ErrnoTable = new Map([[22, { name: 'EINVAL', code: 'unsupported' }]]);

/** A named counter of the network namespace; rules add to it (`-m nfacct`), and it outlives them. */
export interface AccountingObject {
  readonly name: string;
  readonly packets: number;
  readonly bytes: number;
  /** Rules that count here, and one for the object itself. */
  readonly references: number;
}

const ZERO = Buffer.alloc(8);

/** Refused if there is one of that name; nfacct(8) leaves NLM_F_EXCL out and is refused with EBUSY instead. */
export function encodeNewObject(name: string): NetlinkRequest {
  const writer = namedPayload(name).bytes(NFACCT.PKTS, ZERO).bytes(NFACCT.BYTES, ZERO);
  return accountingRequest('NEW', { name, writer, flags: NLM_F_CREATE | NLM_F_EXCL });
}

/** Answered with the object as it is; after `reset` it counts from zero. */
export function encodeReadObject(name: string, then: 'keep' | 'reset'): NetlinkRequest {
  const command = then === 'keep' ? 'GET' : 'GET_CTRZERO';
  return accountingRequest(command, { name, writer: namedPayload(name) });
}

/** Never without a name: that would delete every object that no rule refers to. */
export function encodeDeleteObject(name: string): NetlinkRequest {
  return accountingRequest('DEL', { name, writer: namedPayload(name) });
}

interface Parts {
  readonly name: string;
  readonly writer: PayloadWriter;
  readonly flags?: number;
}

function accountingRequest(command: AccountingCommand, { name, writer, flags = 0 }: Parts): NetlinkRequest {
  return {
    operation: `NFNL_MSG_ACCT_${command}`,
    type: netfilterType('accounting', NFNL_MSG_ACCT[command]),
    flags,
    payload: writer.finish(),
    context: { subject: name, errors: ACCOUNTING_ERRORS },
  };
}

function namedPayload(name: string): PayloadWriter {
  const length = Buffer.byteLength(name);
  if (length === 0 || length > NAME_BYTES)
    throw new RangeError(`accounting object "${name}": a name has 1 to ${NAME_BYTES} bytes`);
  return new PayloadWriter().raw(netfilterHeader(AF_UNSPEC)).text(NFACCT.NAME, name);
}

export function decodeObject(message: NetlinkMessage): AccountingObject | undefined {
  const attributes = readAttributes(netfilterAttributes(message));
  const name = readText(attributes, NFACCT.NAME);
  const packets = readU64BE(attributes, NFACCT.PKTS);
  const bytes = readU64BE(attributes, NFACCT.BYTES);
  if (name === undefined || packets === undefined || bytes === undefined) return undefined;
  return { name, packets, bytes, references: readU32BE(attributes, NFACCT.USE) ?? 0 };
}

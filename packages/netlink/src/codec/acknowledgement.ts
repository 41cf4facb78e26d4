import { align, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSG_HEADER_BYTES } from './constants.ts';
import type { NetlinkMessage } from './message.ts';
import { readAttributes, readText, readU32 } from './reader.ts';

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;

/** The content of NLMSG_ERROR (an errno of 0 is an acknowledgement) or of a dump's NLMSG_DONE. */
export interface Acknowledgement {
  /** Positive, 0 for success. */
  readonly errno: number;
  /** The kernel's own words (extended ACK). */
  readonly text?: string;
  /** Where in the refused message the culprit begins, in bytes (extended ACK). */
  readonly offset?: number;
  /** The refused message as the kernel sent it back, header included; absent when it was capped. */
  readonly echo?: Buffer;
}

export function decodeAcknowledgement(message: NetlinkMessage): Acknowledgement | undefined {
  const { payload } = message;
  if (payload.length < 4) return message.type === NLMSG_DONE ? { errno: 0 } : undefined;
  const errno = 0 - payload.readInt32LE(0);
  const echo = message.type === NLMSG_DONE ? Buffer.alloc(0) : echoedMessage(message);
  const tlvs = (message.flags & NLM_F_ACK_TLVS) === 0 ? undefined : payload.subarray(4 + align(echo.length));
  const attributes = readAttributes(tlvs);
  const text = readText(attributes, NLMSGERR_ATTR_MSG);
  const offset = readU32(attributes, NLMSGERR_ATTR_OFFS);
  return {
    errno,
    ...(text === undefined ? {} : { text }),
    ...(offset === undefined ? {} : { offset }),
    ...(echo.length <= NLMSG_HEADER_BYTES ? {} : { echo }),
  };
}

function echoedMessage(message: NetlinkMessage): Buffer {
  const rest = message.payload.subarray(4);
  if ((message.flags & NLM_F_CAPPED) !== 0 || rest.length < NLMSG_HEADER_BYTES) {
    return rest.subarray(0, NLMSG_HEADER_BYTES);
  }
  return rest.subarray(0, rest.readUInt32LE(0));
}

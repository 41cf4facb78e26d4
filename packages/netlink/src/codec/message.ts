import type { ErrnoTable } from '../result.ts';
import { align, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_HEADER_BYTES } from './constants.ts';

/** What is asked of the kernel, before it has a sequence number. */
export interface NetlinkRequest {
  /** The kernel's name of the command, for error texts. */
  readonly operation: string;
  /** `nlmsg_type`: an RTM_ number, a generic family's id, or subsystem and command of nfnetlink. */
  readonly type: number;
  /** Flags beyond NLM_F_REQUEST: NLM_F_CREATE, NLM_F_EXCL ... The transport adds NLM_F_ACK or NLM_F_DUMP. */
  readonly flags: number;
  /** Bytes after `struct nlmsghdr`: the header of the family and its attributes. */
  readonly payload: Uint8Array;
  /** Not sent: for the code, the text and the index of an error. */
  readonly context?: RequestContext;
}

/** How to name a refusal. */
export interface RequestContext {
  /** What the request is about: `10.96.0.1:443/tcp`, the name of a set. */
  readonly subject?: string;
  /** The family's private errno numbers. */
  readonly errors?: ErrnoTable;
  /**
   * Of a request with several items: which one a refusal is about, by the message that came back or by the culprit's
   * offset in it (extended ACK).
   */
  readonly locate?: (echo: Buffer | undefined, offset: number | undefined) => number | undefined;
}

/** One message from the kernel. `payload` begins after the 16 bytes of `struct nlmsghdr`. */
export interface NetlinkMessage {
  /** `nlmsg_type`. */
  readonly type: number;
  /** `NLM_F_*` bits. */
  readonly flags: number;
  /** `nlmsg_seq`: that of the request which the message answers. */
  readonly sequence: number;
  readonly payload: Buffer;
}

/** `acknowledge` sets NLM_F_ACK, `dump` NLM_F_DUMP, `silent` neither. */
export type RequestMode = 'acknowledge' | 'silent' | 'dump';

const MODE_FLAGS: Readonly<Record<RequestMode, number>> = {
  acknowledge: NLM_F_ACK,
  silent: 0,
  dump: NLM_F_DUMP,
};

export interface Addressing {
  readonly sequence: number;
  readonly mode: RequestMode;
  /** `nlmsg_pid`; 0 means the sending socket. */
  readonly port?: number;
}

/** Bytes of the encoded message: `struct nlmsghdr` and payload, padded to a multiple of 4. */
export function requestBytes(request: NetlinkRequest): number {
  return align(NLMSG_HEADER_BYTES + request.payload.length);
}

export function encodeRequest(request: NetlinkRequest, addressing: Addressing): Buffer {
  return encodeRequests([request], () => addressing);
}

/** One behind the other, without a copy of each; `addressing` of the request at an index. */
export function encodeRequests(
  requests: readonly NetlinkRequest[],
  addressing: (index: number) => Addressing,
): Buffer {
  const bytes = Buffer.alloc(requests.reduce((sum, request) => sum + requestBytes(request), 0));
  let at = 0;
  for (const [index, request] of requests.entries()) {
    writeRequest(bytes.subarray(at), request, addressing(index));
    at += requestBytes(request);
  }
  return bytes;
}

function writeRequest(bytes: Buffer, request: NetlinkRequest, addressing: Addressing): void {
  bytes.writeUInt32LE(NLMSG_HEADER_BYTES + request.payload.length, 0);
  bytes.writeUInt16LE(request.type, 4);
  bytes.writeUInt16LE(NLM_F_REQUEST | request.flags | MODE_FLAGS[addressing.mode], 6);
  bytes.writeUInt32LE(addressing.sequence, 8);
  bytes.writeUInt32LE(addressing.port ?? 0, 12);
  bytes.set(request.payload, NLMSG_HEADER_BYTES);
}

/** The messages of one datagram. A length that makes no sense ends the reading; the kernel sends none. */
export function decodeMessages(datagram: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at + NLMSG_HEADER_BYTES <= datagram.length) {
    const length = datagram.readUInt32LE(at);
    if (length < NLMSG_HEADER_BYTES || at + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      payload: datagram.subarray(at + NLMSG_HEADER_BYTES, at + length),
    });
    at += align(length);
  }
  return messages;
}

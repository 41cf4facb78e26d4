import { type NetlinkRequest, requestBytes } from '../codec/message.ts';

export interface BatchLimits {
  /** Kernel memory that the answers to one datagram may take together. */
  readonly replyBytes: number;
  /** Bytes of one datagram. */
  readonly datagramBytes: number;
  /** Requests of one datagram. */
  readonly requests: number;
}

const SKB_OVERHEAD_BYTES = 256;
const SHARED_INFO_BYTES = 320;
const ACK_HEADERS_BYTES = 36;
const SMALLEST_SKB_DATA = 512;

/**
 * Receive buffer that an answer to a request may take at most: a refusal carries the whole request back,
 * in an sk_buff whose data area the kernel rounds up to a power of two and charges with its own overhead.
 */
export function replyCost(request: NetlinkRequest): number {
  const data = requestBytes(request) + ACK_HEADERS_BYTES + SHARED_INFO_BYTES;
  const rounded = 2 ** Math.ceil(Math.log2(data));
  return Math.max(rounded, SMALLEST_SKB_DATA) + SKB_OVERHEAD_BYTES;
}

/**
 * Where the datagram that begins at `from` ends (exclusive). A request that is over the limits by itself
 * goes alone: one answer always fits, because the kernel looks at the buffer before adding, not after.
 */
export function batchEnd(requests: readonly NetlinkRequest[], from: number, limits: BatchLimits): number {
  let replies = 0;
  let bytes = 0;
  for (let at = from; at < requests.length; at += 1) {
    const request = requests[at];
    if (request === undefined) break;
    replies += replyCost(request);
    bytes += requestBytes(request);
    const overBytes = replies > limits.replyBytes || bytes > limits.datagramBytes;
    if (at > from && (overBytes || at - from === limits.requests)) return at;
  }
  return requests.length;
}

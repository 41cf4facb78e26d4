import type { NetlinkError } from '../result.ts';

/** Callbacks of a datagram socket. */
export interface DatagramHandlers {
  /** In order; a long listing in several parts, with a turn of the event loop between them. */
  readonly received: (datagrams: readonly Buffer[]) => void;
  /** A receive error, or an answer that is larger than the buffer for it. After the datagrams that arrived before it. */
  readonly failed: (error: NetlinkError) => void;
}

/** Takes what a socket receives, within its callbacks, and hands it to the handlers in later turns of the event loop. */
export interface Delivery {
  add(arrival: Buffer | NetlinkError): void;
  /** Nothing is handed over from now on. */
  stop(): void;
}

/**
 * The addon reads until nothing is left, and the kernel goes on with a listing at each read: a whole listing arrives in one turn.
 * To decode so many bytes takes up to 3 ms.
 */
const DELIVERED_BYTES = 32 << 10;

/** In the order of arrival: an error waits for the datagrams before it. */
export function createDelivery({ received, failed }: DatagramHandlers): Delivery {
  const waiting: (Buffer | NetlinkError)[] = [];
  const deliver = (): void => {
    const part = takePart(waiting);
    const error = part.length === 0 ? waiting.shift() : undefined;
    if (waiting.length > 0) setImmediate(deliver);
    if (part.length > 0) received(part);
    else if (error !== undefined && !Buffer.isBuffer(error)) failed(error);
  };
  const state = { stopped: false };
  return {
    add(arrival) {
      if (!state.stopped && waiting.push(arrival) === 1) setImmediate(deliver);
    },
    stop() {
      state.stopped = true;
      waiting.length = 0;
    },
  };
}

/** Removes datagrams up to the size of a part, or up to the first error. */
function takePart(waiting: (Buffer | NetlinkError)[]): readonly Buffer[] {
  const part: Buffer[] = [];
  let bytes = 0;
  for (const arrival of waiting) {
    if (!Buffer.isBuffer(arrival) || bytes >= DELIVERED_BYTES) break;
    bytes += arrival.length;
    part.push(arrival);
  }
  waiting.splice(0, part.length);
  return part;
}

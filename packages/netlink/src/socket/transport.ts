import type { NetlinkMessage, NetlinkRequest } from '../codec/message.ts';
import type { NetlinkError, NetlinkResult } from '../result.ts';

/** The whole of a listing. */
export interface Dump<T> {
  /** In the order of the kernel's messages. */
  readonly items: readonly T[];
  /**
   * `interrupted`: the kernel's table changed under every one of the tries, so entries may be missing or
   * doubled. What was read last is in `items`.
   */
  readonly quality: 'consistent' | 'interrupted';
}

/** What happened to each request of a list: `undefined` is success. */
export type Outcomes = readonly (NetlinkError | undefined)[];

/** Requests between the two messages that make them one. */
export interface Transaction {
  readonly begin: NetlinkRequest;
  /** Not empty. */
  readonly requests: readonly NetlinkRequest[];
  readonly end: NetlinkRequest;
}

/**
 * Request and answer over one netlink socket. The only thing in this package that waits.
 * Nothing here throws or rejects; calls made while another runs wait their turn.
 */
export interface NetlinkTransport {
  /** One request, acknowledged. The value is the messages the kernel answered with before the acknowledgement. */
  request(request: NetlinkRequest): Promise<NetlinkResult<readonly NetlinkMessage[]>>;

  /**
   * Many requests, independent of each other: each is tried, whatever became of the ones before it.
   * They travel many to a datagram. The result is an error only if it is unknown what happened
   * (`timeout`, `unavailable`); what the kernel refused is in the outcomes.
   */
  requestAll(requests: readonly NetlinkRequest[]): Promise<NetlinkResult<Outcomes>>;

  /**
   * Many requests, all or none: `begin` and `end` are the family's messages that enclose them (nfnetlink's batch).
   * One datagram. The first refusal is the error; `index` is the request's position, absent where the batch as a
   * whole was refused. Nothing is in the kernel then.
   */
  transaction(transaction: Transaction): Promise<NetlinkResult<null>>;

  /** Lists. `read` gives an item for a message, or `undefined` for one that is none. */
  dump<T>(
    request: NetlinkRequest,
    read: (message: NetlinkMessage) => T | undefined,
  ): Promise<NetlinkResult<Dump<T>>>;

  /** Everything that waits ends with `unavailable`. */
  close(): void;
}

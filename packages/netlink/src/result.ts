/**
 * Errors are data. The codes are those of a Signalbox backend, so that a backend passes them on unchanged;
 * this package knows no layer above it and therefore spells them itself.
 */
export type NetlinkErrorCode =
  /** ENOENT, ESRCH, ENODEV, EADDRNOTAVAIL: the object is not there. */
  | 'not-found'
  /** EEXIST and ipset's own "already there". */
  | 'exists'
  /** EBUSY, EAGAIN, EINTR, ENOBUFS, an ipset that something refers to. */
  | 'busy'
  /** EPERM, EACCES: CAP_NET_ADMIN is missing. */
  | 'not-permitted'
  /** The kernel lacks the protocol, family, type or command; or this is no Linux. */
  | 'unsupported'
  /** Everything else that the kernel says no to. */
  | 'rejected'
  /** No answer within the time limit. */
  | 'timeout'
  /** The socket is closed, or could not be opened. */
  | 'unavailable'
  /** An answer that cannot be understood. */
  | 'protocol';

export interface NetlinkError {
  readonly code: NetlinkErrorCode;
  /** The kernel's name of the request: `IPVS_CMD_NEW_SERVICE`, `RTM_NEWADDR`, `IPSET_CMD_ADD`. */
  readonly operation: string;
  /** One line: errno name, what it means here, the culprit, and the kernel's own text if it gave one. */
  readonly message: string;
  /** Positive errno; ipset's private numbers start at 4097. */
  readonly errno?: number;
  /** `EEXIST`, `IPSET_ERR_HASH_FULL`. */
  readonly errnoName?: string;
  /** Position of the refused item, where the request was a list. The items before it are in the kernel. */
  readonly index?: number;
  /** Within the request at `index`: position of the refused item, where that request is itself a list. */
  readonly item?: number;
}

export type NetlinkResult<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: NetlinkError };

export function succeed<T>(value: T): NetlinkResult<T> {
  return { ok: true, value };
}

export function fail(error: NetlinkError): { readonly ok: false; readonly error: NetlinkError } {
  return { ok: false, error };
}

/** The value of a success through `change`, a failure as it is. */
export function mapResult<T, U>(result: NetlinkResult<T>, change: (value: T) => U): NetlinkResult<U> {
  return result.ok ? succeed(change(result.value)) : result;
}

/** A family's own errno numbers; what it does not name falls to the system's. */
export type ErrnoTable = ReadonlyMap<number, { readonly name: string; readonly code?: NetlinkErrorCode }>;

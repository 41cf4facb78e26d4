/** Errors are data, with the codes of a backend, so that a backend passes them on unchanged. */
import {
  backendError,
  type BackendError,
  type BackendErrorCode,
  fail,
  type Result,
  succeed,
} from '@signalbox/core';

/**
 * `operation`: the kernel's name of the request: `IPVS_CMD_NEW_SERVICE`, `RTM_NEWADDR`, `IPSET_CMD_ADD`. `message`: errno name,
 * what it means here, the culprit, and the kernel's own text if it gave one.
 */
export interface NetlinkError extends Pick<BackendError, 'code' | 'operation' | 'message'> {
  /** Positive errno; ipset's private numbers start at 4097. */
  readonly errno?: number;
  /** `EEXIST`, `IPSET_ERR_HASH_FULL`. */
  readonly errnoName?: string;
  /** Position of the refused item, where the request was a list. The items before it are in the kernel. */
  readonly index?: number;
  /** Within the request at `index`: position of the refused item, where that request is itself a list. */
  readonly item?: number;
}

/** `{ ok: true, value }` or `{ ok: false, error }`. */
export type NetlinkResult<T> = Result<T, NetlinkError>;

/** The value of a success through `change`, a failure as it is. */
export function mapResult<T, U>(result: NetlinkResult<T>, change: (value: T) => U): NetlinkResult<U> {
  return result.ok ? succeed(change(result.value)) : result;
}

/**
 * As a backend returns it. A request that was refused did nothing; one whose answer did not come may have been carried out.
 * `written`: whether requests before it were.
 */
export function toBackendError(
  { code, operation, message }: NetlinkError,
  written: 'nothing' | 'something' = 'nothing',
): BackendError {
  const isUnknown = written === 'something' || code === 'timeout' || code === 'unavailable';
  return backendError(code, operation, message, { kernel: isUnknown ? 'unknown' : 'unchanged' });
}

/** A failure as a backend returns it. */
export function toResult<T>(result: NetlinkResult<T>): Result<T> {
  return result.ok ? result : fail(toBackendError(result.error));
}

/** The error alone; `null`: a success. */
export function errorOf(result: NetlinkResult<unknown>): BackendError | null {
  return result.ok ? null : toBackendError(result.error);
}

/** A family's own errno numbers; what it does not name falls to the system's. */
export type ErrnoTable = ReadonlyMap<number, { readonly name: string; readonly code?: BackendErrorCode }>;

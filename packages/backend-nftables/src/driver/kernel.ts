/** The kernel behind a client, for the parts of the driver. */
import { backendError, type BackendError, fail, type Family, type Result } from '@signalbox/core';
import type { NetlinkError, NetlinkResult, NftablesClient } from '@signalbox/netlink';

/** A client, and the address family of the table that is read or written through it. */
export interface Kernel {
  readonly family: Family;
  readonly client: NftablesClient;
}

/** Exists within a batch only. */
export const TRIAL_TABLE = 'signalbox-trial';

/** A batch that was refused did nothing; where the answer did not come it may have been taken. */
export function toBackendError(
  error: NetlinkError,
  written: 'nothing' | 'something' = 'nothing',
): BackendError {
  const { code, operation, message } = error;
  const unsure = written === 'something' || code === 'timeout' || code === 'unavailable';
  return backendError(code, operation, message, { kernel: unsure ? 'unknown' : 'unchanged' });
}

export function toResult<T>(result: NetlinkResult<T>): Result<T> {
  return result.ok ? result : fail(toBackendError(result.error));
}

import { backendError, type BackendError, type Result } from '@signalbox/core';
import type { NetlinkError, NetlinkResult } from '@signalbox/netlink';

/** The codes are the same words on both sides. What one request did not do, it did not do at all. */
export function fromNetlink(error: NetlinkError): BackendError {
  const unsure = error.code === 'timeout' || error.code === 'unavailable';
  return backendError(error.code, error.operation, error.message, {
    kernel: unsure ? 'unknown' : 'unchanged',
  });
}

export function toResult<T>(result: NetlinkResult<T>): Result<T> {
  return result.ok ? result : { ok: false, error: fromNetlink(result.error) };
}

export function errorOf(result: NetlinkResult<unknown>): BackendError | null {
  return result.ok ? null : fromNetlink(result.error);
}

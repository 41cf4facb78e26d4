import type { BackendErrorCode } from '@signalbox/core';
import type { NetlinkError } from '../result.ts';
import type { Acknowledgement } from './acknowledgement.ts';
import type { NetlinkRequest } from './message.ts';

/** Linux's numbers (asm-generic/errno*.h) of what netlink answers with; others keep their number as a name. */
const ERRNO_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'EPERM'],
  [2, 'ENOENT'],
  [3, 'ESRCH'],
  [4, 'EINTR'],
  [7, 'E2BIG'],
  [11, 'EAGAIN'],
  [12, 'ENOMEM'],
  [13, 'EACCES'],
  [14, 'EFAULT'],
  [16, 'EBUSY'],
  [17, 'EEXIST'],
  [19, 'ENODEV'],
  [22, 'EINVAL'],
  [23, 'ENFILE'],
  [28, 'ENOSPC'],
  [33, 'EDOM'],
  [34, 'ERANGE'],
  [36, 'ENAMETOOLONG'],
  [61, 'ENODATA'],
  [71, 'EPROTO'],
  [75, 'EOVERFLOW'],
  [90, 'EMSGSIZE'],
  [92, 'ENOPROTOOPT'],
  [93, 'EPROTONOSUPPORT'],
  [95, 'EOPNOTSUPP'],
  [97, 'EAFNOSUPPORT'],
  [98, 'EADDRINUSE'],
  [99, 'EADDRNOTAVAIL'],
  [100, 'ENETDOWN'],
  [101, 'ENETUNREACH'],
  [105, 'ENOBUFS'],
  [110, 'ETIMEDOUT'],
  [111, 'ECONNREFUSED'],
  [85, 'ERESTART'],
  [114, 'EALREADY'],
]);

const CODES: Readonly<Record<string, BackendErrorCode>> = {
  ENOENT: 'not-found',
  ESRCH: 'not-found',
  ENODEV: 'not-found',
  EADDRNOTAVAIL: 'not-found',
  EEXIST: 'exists',
  EBUSY: 'busy',
  EAGAIN: 'busy',
  EINTR: 'busy',
  // A batch of nf_tables for a generation that has passed.
  ERESTART: 'busy',
  ENOBUFS: 'busy',
  ENOMEM: 'busy',
  EPERM: 'not-permitted',
  EACCES: 'not-permitted',
  EOPNOTSUPP: 'unsupported',
  EPROTONOSUPPORT: 'unsupported',
  EAFNOSUPPORT: 'unsupported',
};

/** The error value of a refused request. */
export function refusal(
  request: NetlinkRequest,
  { errno, text, echo, offset }: Acknowledgement,
): NetlinkError {
  const { operation, context = {} } = request;
  const own = context.errors?.get(errno);
  const errnoName = own?.name ?? ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
  const code = own?.code ?? CODES[errnoName] ?? 'rejected';
  const index = context.locate?.(echo, offset);
  const message = [errnoName, context.subject, text].filter((part) => part !== undefined).join(': ');
  return { code, operation, message, errno, errnoName, ...(index === undefined ? {} : { index }) };
}

/** The error value of a failed system call, by its name (`EMSGSIZE`). */
export function systemError(operation: string, errnoName: string, what: string): NetlinkError {
  return { code: CODES[errnoName] ?? 'rejected', operation, message: `${errnoName}: ${what}`, errnoName };
}

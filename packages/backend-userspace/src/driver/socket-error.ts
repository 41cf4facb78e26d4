import { backendError, type BackendError, type BackendErrorCode } from '@signalbox/core';

const CODES: Readonly<Record<string, BackendErrorCode>> = {
  EADDRINUSE: 'busy',
  EMFILE: 'busy',
  ENFILE: 'busy',
  EACCES: 'not-permitted',
  EPERM: 'not-permitted',
  EADDRNOTAVAIL: 'not-found',
  EAFNOSUPPORT: 'unsupported',
};

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has this port open',
  EACCES: 'the port needs CAP_NET_BIND_SERVICE, or a lower net.ipv4.ip_unprivileged_port_start',
  EADDRNOTAVAIL: 'the address is not assigned to this node',
};

/** Why a socket could not be opened. */
export function socketError(name: string, { code = '', message }: NodeJS.ErrnoException): BackendError {
  const why = HINTS[code] ?? message;
  return backendError(CODES[code] ?? 'rejected', 'listen', `${name}: ${why}`, { kernel: 'unchanged' });
}

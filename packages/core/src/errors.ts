/**
 * Errors are data: a closed set of codes, the operation that failed, and what it did to the kernel.
 * They are returned, not thrown, across every package boundary.
 */
export type BackendErrorCode =
  /** An object that had to exist does not. */
  | 'not-found'
  /** An object that had to be absent exists. */
  | 'exists'
  /** A lock or the kernel is busy; a retry can succeed. */
  | 'busy'
  /** Missing permission (no root, no CAP_NET_ADMIN, a read-only file system). */
  | 'not-permitted'
  /** This kernel, tool or version cannot do it. */
  | 'unsupported'
  /** The kernel or tool refused the content of the request. */
  | 'rejected'
  /** No answer within the time limit. */
  | 'timeout'
  /** The tool or service is missing or went away. */
  | 'unavailable'
  /** An answer that cannot be understood. */
  | 'protocol'
  /** A fault of Signalbox: what was being done ended with an exception. */
  | 'exception';

/** Why an operation on the kernel, or of a tool, failed, and what it did to the kernel. */
export interface BackendError {
  readonly code: BackendErrorCode;
  /** What was being done, in the tool's words: `iptables-restore`, `IPVS_CMD_NEW_SERVICE`. */
  readonly operation: string;
  /** One line for a log: what failed, why, and the object that caused it. */
  readonly message: string;
  /**
   * `unchanged`: the kernel is as it was before (a refused transaction, a lock not acquired).
   * `unknown`: it may contain part of the change; the backend discards its observed state.
   */
  readonly kernel: 'unchanged' | 'unknown';
  /** Further lines: standard error of the tool, the invalid input with its line numbers. */
  readonly detail?: string;
}

/** Makes an error. `kernel` is `unknown` by default; without `detail` the field is absent. */
export function backendError(
  code: BackendErrorCode,
  operation: string,
  message: string,
  more: { readonly kernel?: BackendError['kernel']; readonly detail?: string } = {},
): BackendError {
  const error = { code, operation, message, kernel: more.kernel ?? 'unknown' } as const;
  return more.detail === undefined ? error : { ...error, detail: more.detail };
}

/** `operation: message` on one line; detail, if any, indented below. */
export function formatBackendError(error: BackendError): string {
  const line = `${error.operation}: ${error.message} (${error.code})`;
  return error.detail === undefined ? line : `${line}\n${error.detail.replace(/^/gm, '    ')}`;
}

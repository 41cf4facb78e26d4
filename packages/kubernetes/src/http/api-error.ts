/** Errors of requests to an API server. Data, with one line that names server, request and reason. */
export type ApiErrorCode =
  /** No connection, or it broke. */
  | 'connection-lost'
  /** No answer, or no further byte of it, within the time limit. */
  | 'stalled'
  /** The server's certificate is not trusted, or it rejects the client's. */
  | 'tls-failed'
  /** A token file, certificate file or credential plugin did not provide a credential. */
  | 'credentials-failed'
  /** 401 */
  | 'unauthorized'
  /** 403 */
  | 'forbidden'
  /** 404 */
  | 'not-found'
  /** 410: the resourceVersion is too old. */
  | 'expired'
  /** 429 */
  | 'throttled'
  /** 5xx */
  | 'server-error'
  /** Another 4xx. */
  | 'refused'
  /** An answer that cannot be understood. */
  | 'bad-response'
  /** The request was aborted by the caller. */
  | 'aborted';

/** Why a request, list or watch failed. */
export interface ApiError {
  readonly code: ApiErrorCode;
  readonly message: string;
  /** HTTP status, or that of an ERROR event; 0 without an answer. */
  readonly status: number;
  /** Delay that the server requests (`Retry-After`, `retryAfterSeconds`), at most 300,000 ms; 0: none. */
  readonly retryAfterMs: number;
}

export function apiError(code: ApiErrorCode, message: string, more: Partial<ApiError> = {}): ApiError {
  return { status: 0, retryAfterMs: 0, ...more, code, message };
}

const STATUS_CODES: Readonly<Record<number, ApiErrorCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  410: 'expired',
  429: 'throttled',
};

export function codeOfStatus(status: number): ApiErrorCode {
  return (
    STATUS_CODES[status] ?? (status >= 500 ? 'server-error' : status >= 400 ? 'refused' : 'bad-response')
  );
}

const TLS_CODES = /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|EPROTO|ERR_OSSL)/;

export function codeOfTransport(error: Error): ApiErrorCode {
  if (error.name === 'AbortError') return 'aborted';
  const code = 'code' in error ? String(error.code) : '';
  return TLS_CODES.test(code) ? 'tls-failed' : 'connection-lost';
}

/** The longest wait that a server may demand. */
const LONGEST_RETRY_AFTER_MS = 300_000;

/** Of a server's value in seconds; 0 if that is no number. */
export function boundedRetryAfterMs(seconds: unknown): number {
  return typeof seconds !== 'number' || Number.isNaN(seconds)
    ? 0
    : Math.min(Math.max(0, seconds * 1000), LONGEST_RETRY_AFTER_MS);
}

/** `Retry-After` in milliseconds: seconds or a date. 0 if there is none. */
export function retryAfterMs(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000;
  return boundedRetryAfterMs(seconds);
}

/** Result of a call that can fail: failures are values, here and in every package that uses core. */
import type { BackendError } from './errors.ts';

/** `ok`: the value; else the error, by default that of a backend. */
export type Result<T, E = BackendError> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** A successful result with this value. */
export function succeed<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** A failed result with this error. */
export function fail<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

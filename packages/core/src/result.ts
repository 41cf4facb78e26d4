/** What a call that can fail answers: failures are values, here and in every package above. */
import type { BackendError } from './errors.ts';

export type Result<T, E = BackendError> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export function succeed<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function fail<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

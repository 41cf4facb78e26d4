import type { Listener } from './listener.ts';

/** One write. Closed: the compiler checks every switch over `kind`. */
export type Operation =
  | { readonly kind: 'device-create' }
  | { readonly kind: 'device-delete' }
  | { readonly kind: 'address-add' | 'address-delete'; readonly address: string }
  | ListenerOperation;

export type ListenerOperation =
  /** For an open socket, the same as `listener-update`. */
  | { readonly kind: 'listener-open'; readonly listener: Listener }
  | { readonly kind: 'listener-update'; readonly listener: Listener }
  /** New connections are refused; existing ones continue until they end. */
  | { readonly kind: 'listener-close'; readonly listener: Listener };

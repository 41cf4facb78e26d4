import type { Listener } from './listener.ts';

/** One write. Closed: the compiler checks every switch over `kind`. */
export type Operation =
  | { readonly kind: 'device-create' }
  | { readonly kind: 'device-delete' }
  | { readonly kind: 'address-add' | 'address-delete'; readonly address: string }
  /** Of a socket that is open already: as `listener-update`. */
  | { readonly kind: 'listener-open'; readonly listener: Listener }
  | { readonly kind: 'listener-update'; readonly listener: Listener }
  /** New connections are refused; those that exist end by themselves. */
  | { readonly kind: 'listener-close'; readonly listener: Listener };

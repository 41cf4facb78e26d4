/** The action of a rule on a packet that matches. */
export type Target =
  /** Nothing: the rule only counts. */
  | { readonly kind: 'none' }
  /** Traverses `chain` and returns to the next rule. */
  | { readonly kind: 'jump'; readonly chain: string }
  /** Traverses `chain` and returns to the rule after the jump to the current chain. */
  | { readonly kind: 'goto'; readonly chain: string }
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'return' }
  /** Replies with ICMP port unreachable. */
  | { readonly kind: 'reject' }
  /** `address` without brackets; with a port of the packet's protocol. */
  | { readonly kind: 'dnat'; readonly address: string; readonly port: number }
  | { readonly kind: 'masquerade'; readonly randomFully: boolean }
  /** mark = (mark & ~mask) ^ value. Sets a bit with `value === mask`; flips one with `mask === 0`. */
  | { readonly kind: 'mark'; readonly value: number; readonly mask: number };

export const ACCEPT: Target = { kind: 'accept' };
export const DROP: Target = { kind: 'drop' };
export const RETURN: Target = { kind: 'return' };
export const REJECT: Target = { kind: 'reject' };
export const NO_TARGET: Target = { kind: 'none' };

export function jump(chain: string): Target {
  return { kind: 'jump', chain };
}

export function goTo(chain: string): Target {
  return { kind: 'goto', chain };
}

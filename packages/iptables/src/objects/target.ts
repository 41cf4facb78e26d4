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

/** `-j ACCEPT`: ends the traversal of this table at the current hook. */
export const ACCEPT: Target = { kind: 'accept' };
/** `-j DROP`: the packet is discarded without a reply. */
export const DROP: Target = { kind: 'drop' };
/** `-j RETURN`: back to the calling chain; in a hook, the policy decides. */
export const RETURN: Target = { kind: 'return' };
/** `-j REJECT` with ICMP port unreachable, of the family of the rule. */
export const REJECT: Target = { kind: 'reject' };
/** No `-j`: the packet continues with the next rule. */
export const NO_TARGET: Target = { kind: 'none' };

/** `-j CHAIN`. */
export function jump(chain: string): Target {
  return { kind: 'jump', chain };
}

/** `-g CHAIN`. */
export function goTo(chain: string): Target {
  return { kind: 'goto', chain };
}

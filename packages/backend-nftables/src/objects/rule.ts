/** Rules as typed data, in the terms of nft. Closed unions: a form that is not here is not written. */
import type { Verdict } from '@signalbox/netlink';

/** Fields of a packet that keys of sets and maps are made of. */
export type Field = 'saddr' | 'daddr' | 'l4proto' | 'dport';

export type NftProtocol = 'tcp' | 'udp' | 'sctp';

export type Match =
  /** `ct state new`. */
  | { readonly kind: 'ct-new' }
  /** `ip saddr != 10.244.0.0/16`. */
  | {
      readonly kind: 'address';
      readonly field: 'saddr' | 'daddr';
      readonly cidr: string;
      readonly inverted?: true;
    }
  /** `iifname "cni0"`; with `prefix`: `iifname "cni*"`. */
  | {
      readonly kind: 'in-interface';
      readonly name: string;
      readonly prefix?: true;
      readonly inverted?: true;
    }
  /** `fib daddr type local`: an address of this node. */
  | { readonly kind: 'local-address'; readonly field: 'saddr' | 'daddr' }
  /** `ip daddr . meta l4proto @set`. */
  | {
      readonly kind: 'in-set';
      readonly key: readonly Field[];
      readonly set: string;
      readonly inverted?: true;
    }
  /** `meta mark & mask != 0`. */
  | { readonly kind: 'mark'; readonly mask: number }
  /** `ct status dnat`. */
  | { readonly kind: 'ct-dnat' }
  | { readonly kind: 'protocol'; readonly protocol: NftProtocol }
  /** `numgen random mod 3 0`: true once in so many times. */
  | { readonly kind: 'one-in'; readonly modulus: number };

export type Statement =
  /** `meta mark set meta mark | mask`. */
  | { readonly kind: 'set-mark'; readonly mask: number }
  /** `meta mark set meta mark ^ mask`. */
  | { readonly kind: 'flip-mark'; readonly mask: number }
  /** `masquerade fully-random`. */
  | { readonly kind: 'masquerade' }
  | { readonly kind: 'dnat'; readonly address: string; readonly port: number }
  /**
   * `dnat ip to <key> . numgen random mod <slots> map @<map>`, or with `seed` `… . jhash ip saddr mod <slots> seed <seed> map …`;
   * no match where the map has no such element.
   */
  | {
      readonly kind: 'dnat-map';
      readonly key: readonly Field[];
      readonly slots: number;
      readonly seed?: number;
      readonly map: string;
    }
  /** `update @set { ip saddr }`. */
  | { readonly kind: 'update-set'; readonly set: string }
  /** `<key> vmap @map`. */
  | { readonly kind: 'verdict-map'; readonly key: readonly Field[]; readonly map: string }
  /** `reject`, or `reject with tcp reset`. */
  | { readonly kind: 'reject'; readonly tcpReset?: true }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

export interface Rule {
  readonly matches: readonly Match[];
  readonly statements: readonly Statement[];
  readonly comment?: string;
}

export function rule(matches: readonly Match[], ...statements: readonly Statement[]): Rule {
  return { matches, statements };
}

export const DROP: Statement = { kind: 'verdict', verdict: { kind: 'drop' } };

export function jump(chain: string): Statement {
  return { kind: 'verdict', verdict: { kind: 'jump', chain } };
}

export function goto(chain: string): Statement {
  return { kind: 'verdict', verdict: { kind: 'goto', chain } };
}

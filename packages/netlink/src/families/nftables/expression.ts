/**
 * Expressions: the instructions that rules consist of. Registers are the kernel's numbers: 1-4 have 16 bytes, 8-23 the same
 * space in parts of 4 bytes, 0 takes a verdict. Values of addresses and ports are in network order; marks, `ct` states
 * and generated numbers in host order.
 */
import type { Verdict } from './verdict.ts';

/** One instruction of a rule. `name` is the name of its type in the kernel. */
export type Expression =
  /** Loads bytes of the packet. */
  | {
      readonly name: 'payload';
      readonly dreg: number;
      readonly base: 'link' | 'network' | 'transport';
      readonly offset: number;
      readonly length: number;
    }
  /** Loads (`dreg`) or stores (`sreg`) what belongs to the packet. */
  | { readonly name: 'meta'; readonly key: MetaKey; readonly dreg?: number; readonly sreg?: number }
  /** Loads from the connection. */
  | { readonly name: 'ct'; readonly key: 'state' | 'status'; readonly dreg: number }
  /** Looks the key at `sreg` up. `dreg`: where a map's data goes, 0 for a verdict; absent for a set. */
  | {
      readonly name: 'lookup';
      readonly set: string;
      readonly sreg: number;
      readonly dreg?: number;
      readonly inverted?: true;
    }
  /** A number below `modulus`. */
  | {
      readonly name: 'numgen';
      readonly dreg: number;
      readonly modulus: number;
      readonly type: 'incremental' | 'random';
    }
  /** A number below `modulus` from `length` bytes at `sreg`. */
  | {
      readonly name: 'hash';
      readonly sreg: number;
      readonly dreg: number;
      readonly length: number;
      readonly modulus: number;
      readonly seed: number;
    }
  | {
      readonly name: 'nat';
      readonly type: 'snat' | 'dnat';
      readonly family: 'ip' | 'ip6';
      /** Register of the address, and of the port. */
      readonly address: number;
      readonly port?: number;
    }
  | { readonly name: 'masq'; readonly fullyRandom?: true }
  | { readonly name: 'reject'; readonly type: 'icmp' | 'tcp-reset'; readonly code?: number }
  | { readonly name: 'immediate'; readonly dreg: number; readonly data: Uint8Array | Verdict }
  | {
      readonly name: 'cmp';
      readonly sreg: number;
      readonly operator: 'eq' | 'neq';
      readonly data: Uint8Array;
    }
  /** `dreg = (sreg & mask) ^ xor`. */
  | {
      readonly name: 'bitwise';
      readonly sreg: number;
      readonly dreg: number;
      readonly length: number;
      readonly mask: Uint8Array;
      readonly xor: Uint8Array;
    }
  /** Address type (`RTN_`, 2 is local) of the source or destination address, from the routing table. */
  | { readonly name: 'fib'; readonly dreg: number; readonly result: 'type'; readonly of: 'saddr' | 'daddr' }
  /** Puts the key at `sreg` into a dynamic set. */
  | {
      readonly name: 'dynset';
      readonly set: string;
      readonly operation: 'add' | 'update';
      readonly key: number;
    }
  | { readonly name: 'counter'; readonly packets?: number; readonly bytes?: number }
  /** Read from the kernel only: an expression that this package does not write. */
  | { readonly name: 'unknown'; readonly kernelName: string };

/** Keys of `meta`, by the words that nft(8) has for them. */
export type MetaKey = 'mark' | 'iifname' | 'oifname' | 'l4proto' | 'nfproto';

/** Payload offsets of addresses within the network header. */
export const ADDRESS_OFFSET = {
  ip: { saddr: 12, daddr: 16, length: 4 },
  ip6: { saddr: 8, daddr: 24, length: 16 },
} as const;

/** `ct state` and `ct status` bits, in host order in a register. */
export const CT_STATE = { invalid: 0x1, established: 0x2, related: 0x4, new: 0x8 } as const;
/** `IPS_DST_NAT` of `ct status`: the destination of the connection is translated. */
export const CT_STATUS_DNAT = 0x20;
/** `RTN_LOCAL`: result of `fib`. */
export const ADDRESS_TYPE_LOCAL = 2;

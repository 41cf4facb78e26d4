/** Types of `explain` and of every backend's `trace`: one packet in, one outcome out. */
import type { Protocol } from '../model/family.ts';

/** The first packet of a connection. */
export interface Packet {
  readonly protocol: Protocol;
  /** Canonical text, as `destination`. */
  readonly source: string;
  /** The interface it came in through; `null` if this node itself sends it. */
  readonly inInterface: string | null;
  readonly destination: string;
  readonly destinationPort: number;
}

/** An endpoint that a connection can be forwarded to. */
export interface Destination {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  /** The endpoint sees an address of this node as the source. */
  readonly masquerade: boolean;
}

/**
 * - `forward`: to one of `destinations` (all that are possible, sorted by `address:port` as text).
 * - `reject`: refused with an answer (ICMP port unreachable).
 * - `drop`: no answer.
 * - `pass`: no Service handles the packet; it continues unchanged.
 */
export type Outcome =
  | { readonly kind: 'forward'; readonly destinations: readonly Destination[] }
  | { readonly kind: 'reject' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'pass' };

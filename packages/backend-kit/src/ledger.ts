/**
 * What the kernel is known to hold, by key and digest, and what is still to be done to it. Objects are compared by digest: the
 * text of a hundred thousand of them is not kept. Pure.
 */

/** An object that can be written: a chain, a set, a load balancer. */
export interface Written {
  /** Equal digests mean equal objects in the kernel. */
  readonly digest: string;
}

/**
 * The kernel as far as it is known: `unknown` at the start, and after any failure that may have changed it; the next sync
 * reads it first.
 */
export type ReconciledState<L> = { readonly kind: 'unknown' } | { readonly kind: 'held'; readonly ledger: L };

export const UNKNOWN: { readonly kind: 'unknown' } = { kind: 'unknown' };

/** Key → digest held; pending writes and removals lead from it to what is wanted. */
export interface Ledger<W extends Written> {
  readonly held: ReadonlyMap<string, string>;
  /** In the order in which they were last wanted. */
  readonly writes: ReadonlyMap<string, W>;
  readonly removals: ReadonlySet<string>;
  /** Nothing is left to be done. */
  readonly isSettled: boolean;
  /** The kernel is known to hold this object. */
  hold(key: string, digest: string): void;
  /** The kernel is known not to hold it. */
  drop(key: string): void;
  /** Plans a write, unless the kernel holds the same. */
  want(key: string, object: W): void;
  /** Plans a removal, if the kernel holds it. */
  unwant(key: string): void;
}

export function createLedger<W extends Written>(): Ledger<W> {
  const held = new Map<string, string>();
  const writes = new Map<string, W>();
  const removals = new Set<string>();
  return {
    held,
    writes,
    removals,
    get isSettled() {
      return writes.size + removals.size === 0;
    },
    hold(key, digest) {
      held.set(key, digest);
      if (writes.get(key)?.digest === digest) writes.delete(key);
    },
    drop(key) {
      held.delete(key);
      removals.delete(key);
    },
    want(key, object) {
      // Deleted first, so that the order of `writes` is that of the latest wishes.
      writes.delete(key);
      removals.delete(key);
      if (held.get(key) !== object.digest) writes.set(key, object);
    },
    unwant(key) {
      writes.delete(key);
      if (held.has(key)) removals.add(key);
    },
  };
}

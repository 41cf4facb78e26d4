/**
 * What the kernel is known to hold, by key and digest, and what is still to be done to it. Objects are compared by digest: the
 * text of a hundred thousand of them is not kept. Pure.
 */

/** An object that the kernel holds or will hold: a chain, a set, a load balancer. */
export interface Digested {
  /** Equal digests mean equal objects in the kernel. */
  readonly digest: string;
}

/**
 * The kernel as far as it is known: `unknown` at the start, and after any failure that may have changed it; the next sync
 * reads it first.
 */
export type ReconciledState<L> = { readonly kind: 'unknown' } | { readonly kind: 'held'; readonly ledger: L };

/** The state before the first read of the kernel, and after a failure that may have changed it. */
export const UNKNOWN: { readonly kind: 'unknown' } = { kind: 'unknown' };

/**
 * `H`: what is kept of an object that is held. `W`: what it takes to write one. `R`: how one is removed. Pending writes and
 * removals lead from what is held to what is desired.
 */
export interface Ledger<H extends Digested, W extends Digested, R> {
  readonly held: ReadonlyMap<string, H>;
  /** Sum of the sizes of what is held. */
  readonly heldSize: number;
  /** In the order of the latest calls of `want`. */
  readonly writes: ReadonlyMap<string, W>;
  readonly removals: ReadonlyMap<string, R>;
  /** Nothing is left to be done. */
  readonly isSettled: boolean;
  /** The kernel is known to hold this object. */
  hold(key: string, object: H): void;
  /** The kernel is known not to hold it. */
  drop(key: string): void;
  /** Plans a write, unless the kernel holds the same. */
  want(key: string, object: W): void;
  /** Plans a removal, if the kernel holds it. */
  unwant(key: string, removal: R): void;
  /** Records from now on which keys are held or dropped; one recording at a time. */
  record(): Recording;
}

/** The keys that were held or dropped since `record` was called. */
export interface Recording {
  /** Whether the key was recorded. */
  has(key: string): boolean;
  /** Ends the recording; the keys recorded so far stay. */
  stop(): void;
}

/** `sizeOf`: for `heldSize`; default: each object counts 1. */
export function createLedger<H extends Digested, W extends Digested = H, R = 'remove'>(
  sizeOf: (object: H) => number = () => 1,
): Ledger<H, W, R> {
  const store = createHeldStore(sizeOf);
  const writes = new Map<string, W>();
  const removals = new Map<string, R>();
  return {
    held: store.held,
    get heldSize() {
      return store.size();
    },
    writes,
    removals,
    get isSettled() {
      return writes.size + removals.size === 0;
    },
    hold(key, object) {
      store.replace(key, object);
      if (writes.get(key)?.digest === object.digest) writes.delete(key);
    },
    drop(key) {
      store.replace(key, null);
      removals.delete(key);
    },
    want(key, object) {
      // Deleted first, so that the order of `writes` is that of the latest calls of `want`.
      writes.delete(key);
      removals.delete(key);
      if (store.held.get(key)?.digest !== object.digest) writes.set(key, object);
    },
    unwant(key, removal) {
      writes.delete(key);
      if (store.held.has(key)) removals.set(key, removal);
    },
    record: () => store.record(),
  };
}

function createHeldStore<H>(sizeOf: (object: H) => number) {
  const held = new Map<string, H>();
  let size = 0;
  let recording: Set<string> | null = null;
  const replace = (key: string, object: H | null): void => {
    const before = held.get(key);
    size += (object === null ? 0 : sizeOf(object)) - (before === undefined ? 0 : sizeOf(before));
    if (object === null) held.delete(key);
    else held.set(key, object);
    recording?.add(key);
  };
  const record = (): Recording => {
    const changed = new Set<string>();
    recording = changed;
    return {
      has: (key) => changed.has(key),
      stop() {
        if (recording === changed) recording = null;
      },
    };
  };
  return { held, size: () => size, replace, record };
}

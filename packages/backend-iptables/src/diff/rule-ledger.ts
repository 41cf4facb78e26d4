/**
 * What we believe the kernel holds, and what is still to be done to it. Chains are compared by digest: the text
 * of a hundred thousand chains is not kept.
 */
import { type EncodedChain, type HeldChain, type TableName, TABLES } from '@signalbox/iptables';

export interface PendingWrite {
  readonly chain: EncodedChain;
  readonly rank: number;
  /** Its rules until then, where they were read and matter to the order of transactions. */
  readonly former?: readonly string[];
}

export interface PendingRemoval {
  readonly table: TableName;
  readonly name: string;
  /** Rules of others jump there: it is emptied and stays. */
  readonly keepEmpty: boolean;
}

export interface RuleLedger {
  readonly held: ReadonlyMap<TableName, ReadonlyMap<string, HeldChain>>;
  /** The kernel is known to hold this. */
  hold(table: TableName, name: string, chain: HeldChain): void;
  /** The kernel is known not to hold this. */
  drop(table: TableName, name: string): void;
  /** Plans what makes the chain so; nothing if it is. */
  want(chain: EncodedChain, rank: number, former?: readonly string[]): void;
  /** Plans the removal of a chain, if it is held. */
  unwant(table: TableName, name: string, how: 'remove' | 'empty'): void;
  readonly writes: ReadonlyMap<string, PendingWrite>;
  readonly removals: ReadonlyMap<string, PendingRemoval>;
  /** Nothing is left to be done. */
  readonly isSettled: boolean;
  /** Rules held now. */
  count(table: TableName): number;
  /** Notes from now on which chains are held or dropped; one recording at a time. */
  record(): ChangedChains;
}

/** Chains that were written since a recording began. */
export interface ChangedChains {
  has(table: TableName, name: string): boolean;
  stop(): void;
}

export function createRuleLedger(): RuleLedger {
  const store = createHeldStore();
  const writes = new Map<string, PendingWrite>();
  const removals = new Map<string, PendingRemoval>();

  return {
    held: store.held,
    writes,
    removals,
    get isSettled() {
      return writes.size + removals.size === 0;
    },
    hold(table, name, chain) {
      store.put(table, name, chain);
      const id = idOf(table, name);
      if (writes.get(id)?.chain.digest === chain.digest) writes.delete(id);
    },
    drop(table, name) {
      store.remove(table, name);
      removals.delete(idOf(table, name));
    },
    want(chain, rank, former) {
      const id = idOf(chain.table, chain.name);
      // Set anew, not in place: later wishes stand behind earlier ones.
      writes.delete(id);
      removals.delete(id);
      const held = store.held.get(chain.table)?.get(chain.name);
      if (held?.digest !== chain.digest)
        writes.set(id, { chain, rank, ...(former === undefined ? {} : { former }) });
    },
    unwant(table, name, how) {
      const id = idOf(table, name);
      writes.delete(id);
      const held = store.held.get(table)?.has(name) === true;
      if (held) removals.set(id, { table, name, keepEmpty: how === 'empty' });
    },
    count: store.count,
    record: () => store.record(),
  };
}

/** `nat KUBE-SERVICES`, in one piece, as a key must be: V8 would keep the parts beside it. */
export function idOf(table: TableName, name: string): string {
  return [table, name].join(' ');
}

/** Chains by table, with the number of their rules kept up to date. */
function createHeldStore() {
  const held = new Map<TableName, Map<string, HeldChain>>(TABLES.map((table) => [table, new Map()]));
  const counts = new Map<TableName, number>();
  let recording: Set<string> | null = null;
  const replace = (table: TableName, name: string, chain: HeldChain | null): void => {
    const chains = held.get(table);
    const before = chains?.get(name)?.rules ?? 0;
    counts.set(table, (counts.get(table) ?? 0) + (chain?.rules ?? 0) - before);
    if (chain === null) chains?.delete(name);
    else chains?.set(name, chain);
    recording?.add(idOf(table, name));
  };
  return {
    held,
    put: replace,
    remove: (table: TableName, name: string): void => replace(table, name, null),
    count: (table: TableName): number => counts.get(table) ?? 0,
    record(): ChangedChains {
      const changed = new Set<string>();
      recording = changed;
      return {
        has: (table, name) => changed.has(idOf(table, name)),
        stop() {
          if (recording === changed) recording = null;
        },
      };
    },
  };
}

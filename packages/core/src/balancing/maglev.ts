/**
 * Maglev hashing (Eisenbud et al., NSDI 2016): a table that maps the hash of a client to an endpoint. It depends only on addresses,
 * ports and weights, so every node sends a client to the same endpoint, and when an endpoint leaves, most clients of the
 * other endpoints keep their endpoint.
 */
import type { DesiredEndpoint } from '../desired/desired-state.ts';
import { DEFAULT_WEIGHT } from '../model/balancing.ts';
import { formatAddressPort } from '../model/ip.ts';
import { murmur3 } from './murmur3.ts';

/**
 * A prime, as the algorithm requires; the paper's size. Measured: of the slots of remaining endpoints, at most 1 % change when
 * one of 2 to 400 endpoints leaves, and shares differ by 0.5 %. With 4093 slots these are 3 % and 8 %, with 16,381 slots 2 % and 3 %.
 */
export const MAGLEV_TABLE_SIZE = 65_537;

const OFFSET_SEED = 0x5349_474e;
const SKIP_SEED = 0x424f_5821;

/** The fields of an endpoint that decide its slots. An absent weight is 1. */
export type MaglevEndpoint = Pick<DesiredEndpoint, 'address' | 'port' | 'weight'>;

/** Slot → index in the list. */
export type MaglevTable = Uint16Array | Uint32Array;

/** One endpoint and its permutation of the slots: `offset`, `offset + skip`, … modulo the size of the table. */
interface Turn {
  readonly index: number;
  readonly text: string;
  readonly skip: number;
  readonly weight: number;
  /** The next slot of the permutation. */
  slot: number;
  /** The rounds times the weight that the endpoint needs for its next turn. */
  due: number;
}

/**
 * The table of these endpoints, each `address:port` once, in any order; empty without endpoints. Each round, an endpoint takes the
 * first free slot of its permutation, those of the greatest weight in every round, others in proportion.
 */
export function maglevTable(
  endpoints: readonly MaglevEndpoint[],
  size: number = MAGLEV_TABLE_SIZE,
): MaglevTable {
  const table = endpoints.length > 0xffff ? new Uint32Array(size) : new Uint16Array(size);
  if (endpoints.length === 0) return table.subarray(0, 0);
  const taken = new Uint8Array(size);
  const turns = turnsOf(endpoints, size);
  const greatest = turns.reduce((most, { weight }) => Math.max(most, weight), 0);
  for (let round = 1, filled = 0; filled < size; round++) {
    for (const turn of turns) {
      if (filled === size) break;
      if (round * turn.weight < turn.due) continue;
      turn.due += greatest;
      turn.slot = firstFree(turn, taken);
      taken[turn.slot] = 1;
      table[turn.slot] = turn.index;
      filled++;
    }
  }
  return table;
}

/** The first slot of the permutation that no endpoint has. With `%` for each step, a table takes two to three times as long. */
function firstFree({ slot, skip }: Turn, taken: Uint8Array): number {
  let free = slot;
  while (taken[free] === 1) {
    free += skip;
    if (free >= taken.length) free -= taken.length;
  }
  return free;
}

/** Sorted by text: the order of turns is the same on every node. */
function turnsOf(endpoints: readonly MaglevEndpoint[], size: number): Turn[] {
  const turns = endpoints.map(({ address, port, weight = DEFAULT_WEIGHT }, index): Turn => {
    const text = formatAddressPort(address, port);
    const slot = murmur3(text, OFFSET_SEED) % size;
    return { index, text, skip: 1 + (murmur3(text, SKIP_SEED) % (size - 1)), weight, slot, due: 0 };
  });
  return turns.sort((one, other) => (one.text < other.text ? -1 : 1));
}

/** The slot of a client, by its address in canonical text. The table must not be empty. */
export function maglevSlot(client: string, table: MaglevTable): number {
  return murmur3(client, 0) % table.length;
}

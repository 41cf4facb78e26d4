/**
 * Registers of a key. The space is 64 bytes, numbered in words of 4: the kernel lists a word that begins a block of 16 by the
 * block's number (1-4), any other as 8 and its index.
 */
import type { Family } from '@signalbox/core';
import { ADDRESS_OFFSET, type Expression } from '@signalbox/netlink';
import type { Field } from '../objects/rule.ts';

export function registerOf(word: number): number {
  return word % 4 === 0 ? 1 + word / 4 : 8 + word;
}

/** Words of 4 bytes that a field takes in a key. */
export function wordsOf(field: Field, family: Family): number {
  return (field === 'saddr' || field === 'daddr') && family === 'IPv6' ? 4 : 1;
}

const PORT_OFFSET = 2;

/** Loads a field of the packet. */
export function load(field: Field, dreg: number, family: Family): Expression {
  if (field === 'l4proto') return { name: 'meta', key: 'l4proto', dreg };
  if (field === 'dport') {
    return { name: 'payload', dreg, base: 'transport', offset: PORT_OFFSET, length: 2 };
  }
  const { length, [field]: offset } = ADDRESS_OFFSET[family === 'IPv4' ? 'ip' : 'ip6'];
  return { name: 'payload', dreg, base: 'network', offset, length };
}

/** Loads the fields one behind the other from the first register on; `words`: how much they take. */
export function loadKey(
  key: readonly Field[],
  family: Family,
): { readonly expressions: readonly Expression[]; readonly words: number } {
  const expressions: Expression[] = [];
  let words = 0;
  for (const field of key) {
    expressions.push(load(field, registerOf(words), family));
    words += wordsOf(field, family);
  }
  return { expressions, words };
}

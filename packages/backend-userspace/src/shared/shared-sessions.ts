import type { SessionStore } from '../balance/session-store.ts';
import { createCell, type Cell } from './shared-memory.ts';
import type { StateParts } from './state-parts.ts';

/** The name of an endpoint is an IPv6 address and a port at most: 47 characters, four in each number. */
const TEXT_NUMBERS = 12;
/** The time takes two numbers, the length of the name one. */
const USED_AT = 0;
const LENGTH = 2;
const TEXT = 3;
const SHAPE = { gauges: 0, numbers: TEXT + TEXT_NUMBERS };

export function createSharedSessions({ memory, name }: StateParts): SessionStore {
  const { ints, floats } = memory;
  const cellOf = (client: string): Cell => createCell(memory, `${name} client ${client}`, SHAPE);
  return {
    get(client) {
      const cell = cellOf(client);
      const block = cell.find();
      if (block === 0) return undefined;
      const at = cell.numbers(block);
      return { endpoint: readText(ints, at), usedAt: floats[(at + USED_AT) >> 1] ?? 0 };
    },
    set(client, { endpoint, usedAt }, timeoutMs) {
      const cell = cellOf(client);
      const at = cell.numbers(cell.use(usedAt, usedAt + timeoutMs));
      floats[(at + USED_AT) >> 1] = usedAt;
      writeText(ints, at, endpoint);
    },
  };
}

function writeText(ints: Int32Array, at: number, text: string): void {
  const length = Math.min(text.length, TEXT_NUMBERS * 4);
  ints[at + LENGTH] = length;
  for (let from = 0; from < length; from += 4) {
    let packed = 0;
    for (let byte = 0; byte < 4; byte++) packed |= (text.charCodeAt(from + byte) & 0xff) << (8 * byte);
    ints[at + TEXT + from / 4] = packed;
  }
}

function readText(ints: Int32Array, at: number): string {
  const length = ints[at + LENGTH] ?? 0;
  let text = '';
  for (let byte = 0; byte < length; byte++)
    text += String.fromCharCode(((ints[at + TEXT + (byte >> 2)] ?? 0) >> (8 * (byte & 3))) & 0xff);
  return text;
}

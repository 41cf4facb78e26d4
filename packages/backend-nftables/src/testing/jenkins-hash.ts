/** The kernel's `jhash` expression (include/linux/jhash.h: Jenkins' lookup3), on a little-endian machine. */
import { addressBytes } from '@signalbox/netlink';

const INITIAL = 0xdead_beef;

type State = [number, number, number];

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** Shifts of a round; each word takes the rotated other one. */
const MIX = [4, 6, 8, 16, 19, 4] as const;

function mix(state: State): void {
  for (const [round, bits] of MIX.entries()) {
    const [to, from, third] = [round % 3, (round + 2) % 3, (round + 1) % 3] as [
      0 | 1 | 2,
      0 | 1 | 2,
      0 | 1 | 2,
    ];
    state[to] = (state[to] - state[from]) | 0;
    state[to] ^= rotate(state[from], bits);
    state[from] = (state[from] + state[third]) | 0;
  }
}

const FINAL = [14, 11, 25, 16, 4, 14, 24] as const;

function finish(state: State): number {
  for (const [round, bits] of FINAL.entries()) {
    const [to, from] = [(round + 2) % 3, (round + 1) % 3] as [0 | 1 | 2, 0 | 1 | 2];
    state[to] ^= state[from];
    state[to] = (state[to] - rotate(state[from], bits)) | 0;
  }
  return state[2] >>> 0;
}

/** `bytes`: whole words of four, as addresses are. */
function jenkinsHash(bytes: Buffer, seed: number): number {
  const start = (INITIAL + bytes.length + seed) | 0;
  const state: State = [start, start, start];
  let at = 0;
  for (; bytes.length - at > 12; at += 12) {
    addWords(state, bytes.subarray(at, at + 12));
    mix(state);
  }
  addWords(state, bytes.subarray(at));
  return finish(state);
}

function addWords(state: State, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += 4) {
    const word = (at / 4) as 0 | 1 | 2;
    state[word] = (state[word] + bytes.readUInt32LE(at)) | 0;
  }
}

/** `jhash ip saddr mod <slots> seed <seed>`: the kernel scales the hash, without a remainder (reciprocal_scale). */
export function hashSlot(client: string, seed: number, slots: number): number {
  const hash = jenkinsHash(Buffer.from(addressBytes(client)), seed);
  return Number((BigInt(hash) * BigInt(slots)) >> 32n);
}

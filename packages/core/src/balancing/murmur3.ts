/**
 * MurmurHash3, 32 bits (Appleby, public domain). Not for secrets: it spreads keys that no attacker chooses, and gives the same
 * value on every node and in every version.
 */

/** `text`: ASCII. */
export function murmur3(text: string, seed: number): number {
  const whole = text.length - (text.length % 4);
  let hash = seed >>> 0;
  for (let at = 0; at < whole; at += 4) {
    hash ^= scramble(littleEndian(text, at, 4));
    hash = Math.imul(rotate(hash, 13), 5) + 0xe654_6b64;
  }
  hash ^= scramble(littleEndian(text, whole, text.length - whole)) ^ text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function littleEndian(text: string, from: number, bytes: number): number {
  let value = 0;
  for (let at = bytes - 1; at >= 0; at--) value = (value << 8) | (text.charCodeAt(from + at) & 0xff);
  return value;
}

/** 0 for 0: without remaining bytes, the hash does not change. */
function scramble(block: number): number {
  return Math.imul(rotate(Math.imul(block, 0xcc9e_2d51), 15), 0x1b87_3593);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

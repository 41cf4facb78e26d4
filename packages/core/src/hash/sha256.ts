/** SHA-256 (FIPS 180-4), synchronous and free of node:crypto so that core runs in any JavaScript runtime. */

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}

/** The first 32 bits of the fractional part of the integer root: exact, for 2^53 does not suffice for cube roots. */
function fractionOfRoot(prime: number, degree: bigint): number {
  const target = BigInt(prime) << (32n * degree);
  let low = 0n;
  let high = BigInt(prime) << 32n;
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** degree <= target) low = middle;
    else high = middle - 1n;
  }
  return Number(low & 0xffffffffn);
}

const ROUNDS = Int32Array.from(firstPrimes(64), (prime) => fractionOfRoot(prime, 3n));
const INITIAL = Int32Array.from(firstPrimes(8), (prime) => fractionOfRoot(prime, 2n));

const rotate = (value: number, by: number): number => (value >>> by) | (value << (32 - by));
const at = (words: Int32Array, index: number): number => words[index] ?? 0;

/** The message, a 1 bit, zeros, and the length in bits, as big-endian words in whole blocks of 16. */
function padded(message: Uint8Array): Int32Array {
  const words = new Int32Array(((message.length + 8) >> 6) * 16 + 16);
  for (const [index, byte] of message.entries()) {
    words[index >> 2] = at(words, index >> 2) | (byte << (24 - (index & 3) * 8));
  }
  const end = message.length;
  words[end >> 2] = at(words, end >> 2) | (0x80 << (24 - (end & 3) * 8));
  words[words.length - 2] = Math.floor(end / 0x20000000);
  words[words.length - 1] = end << 3;
  return words;
}

function schedule(words: Int32Array, block: number): Int32Array {
  const w = new Int32Array(64);
  w.set(words.subarray(block, block + 16));
  for (let t = 16; t < 64; t++) {
    const w15 = at(w, t - 15);
    const w2 = at(w, t - 2);
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
    w[t] = at(w, t - 16) + s0 + at(w, t - 7) + s1;
  }
  return w;
}

function compress(state: Int32Array, w: Int32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let t = 0; t < 64; t++) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const temp1 = (h + sum1 + choice + at(ROUNDS, t) + at(w, t)) | 0;
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + temp1) | 0;
    d = c;
    c = b;
    b = a;
    a = (temp1 + sum0 + majority) | 0;
  }
  for (const [index, value] of [a, b, c, d, e, f, g, h].entries()) state[index] = at(state, index) + value;
}

/** 32 bytes. */
export function sha256(message: Uint8Array): Uint8Array {
  const words = padded(message);
  const state = Int32Array.from(INITIAL);
  for (let block = 0; block < words.length; block += 16) compress(state, schedule(words, block));
  return Uint8Array.from({ length: 32 }, (_, index) => at(state, index >> 2) >>> (24 - (index & 3) * 8));
}

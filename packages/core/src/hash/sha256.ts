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

/** One block and what it is stretched to. Of the module, since a hash is done before the next one begins. */
const schedule = new Int32Array(64);

/** Block `block` of the message, a 1 bit, zeros, and the length in bits, as big-endian words. */
function load(message: Uint8Array, block: number): void {
  const start = block * 64;
  const left = message.length - start;
  schedule.fill(0, 0, 16);
  for (let index = 0; index < 64 && index < left; index++) {
    schedule[index >> 2] =
      at(schedule, index >> 2) | ((message[start + index] ?? 0) << (24 - (index & 3) * 8));
  }
  if (left >= 0 && left < 64) schedule[left >> 2] = at(schedule, left >> 2) | (0x80 << (24 - (left & 3) * 8));
  if (left > 55) return;
  schedule[14] = Math.floor(message.length / 0x20000000);
  schedule[15] = message.length << 3;
}

function stretch(): void {
  for (let t = 16; t < 64; t++) {
    const w15 = at(schedule, t - 15);
    const w2 = at(schedule, t - 2);
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
    schedule[t] = at(schedule, t - 16) + s0 + at(schedule, t - 7) + s1;
  }
}

function compress(state: Int32Array): void {
  let a = at(state, 0);
  let b = at(state, 1);
  let c = at(state, 2);
  let d = at(state, 3);
  let e = at(state, 4);
  let f = at(state, 5);
  let g = at(state, 6);
  let h = at(state, 7);
  for (let t = 0; t < 64; t++) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const temp1 = (h + sum1 + choice + at(ROUNDS, t) + at(schedule, t)) | 0;
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
  state[0] = at(state, 0) + a;
  state[1] = at(state, 1) + b;
  state[2] = at(state, 2) + c;
  state[3] = at(state, 3) + d;
  state[4] = at(state, 4) + e;
  state[5] = at(state, 5) + f;
  state[6] = at(state, 6) + g;
  state[7] = at(state, 7) + h;
}

/** 32 bytes. */
export function sha256(message: Uint8Array): Uint8Array {
  const state = INITIAL.slice();
  const blocks = ((message.length + 8) >> 6) + 1;
  for (let block = 0; block < blocks; block++) {
    load(message, block);
    stretch();
    compress(state);
  }
  const digest = new Uint8Array(32);
  for (let index = 0; index < 32; index++) digest[index] = at(state, index >> 2) >>> (24 - (index & 3) * 8);
  return digest;
}

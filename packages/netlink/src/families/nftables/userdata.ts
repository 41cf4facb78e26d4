/**
 * `NFTA_…_USERDATA`: what nft keeps in the kernel for itself, as type, length and value of a byte each. Comments, and for sets
 * the form in which the declaration is listed again. (libnftnl, `udata.h`)
 */
const COMMENT = { table: 0, rule: 0, element: 0, set: 7 } as const;

/** Types of set userdata. */
const SET_USERDATA = {
  keyByteOrder: 0,
  dataByteOrder: 1,
  keyTypeof: 3,
  dataTypeof: 4,
  dataInterval: 6,
} as const;

/** 255 bytes with the NUL; kube-proxy cuts at 128, since older nft refuse longer ones. */
const COMMENT_BYTES = 128;

export function encodeComment(of: keyof typeof COMMENT, text: string): Buffer {
  return entry(COMMENT[of], Buffer.from(`${cut(text)}\0`));
}

export function decodeComment(of: keyof typeof COMMENT, userdata: Buffer | undefined): string | undefined {
  const value = entriesOf(userdata).get(COMMENT[of]);
  return value?.toString('utf8', 0, Math.max(0, value.indexOf(0)));
}

/** One field of a `typeof` declaration. `numgen`: a random number below the modulus. */
export type TypeofField =
  | 'ip saddr'
  | 'ip daddr'
  | 'ip6 saddr'
  | 'ip6 daddr'
  | 'th dport'
  | 'meta l4proto'
  | { readonly numgen: number };

/** What a set's declaration needs beside its types to be listed so that nft can load it again. */
export interface SetUserdata {
  readonly keyTypeof?: readonly TypeofField[];
  readonly dataTypeof?: readonly TypeofField[];
  readonly isMap: boolean;
  /** The key is one value in network order; concatenations have no order of their own. */
  readonly byteOrder: 'none' | 'big-endian';
  readonly comment?: string;
}

const BYTE_ORDER = { none: 0, 'big-endian': 2 } as const;

/** The part of a set's userdata that has its declaration in `typeof` form: hexadecimal digits, empty where it has none. */
export function typeofDigits(userdata: Buffer | undefined): string {
  const entries = entriesOf(userdata);
  const parts = [SET_USERDATA.keyTypeof, SET_USERDATA.dataTypeof].map((type) => entries.get(type));
  return parts
    .map((part) => part?.toString('hex') ?? '')
    .join(' ')
    .trim();
}

export function encodeSetUserdata(userdata: SetUserdata): Buffer {
  const { keyTypeof, dataTypeof, comment, byteOrder, isMap } = userdata;
  const parts = [entry(SET_USERDATA.keyByteOrder, number(BYTE_ORDER[byteOrder]))];
  if (isMap) parts.push(entry(SET_USERDATA.dataByteOrder, number(BYTE_ORDER.none)));
  if (keyTypeof !== undefined) parts.push(entry(SET_USERDATA.keyTypeof, concatenation(keyTypeof)));
  if (dataTypeof !== undefined) parts.push(entry(SET_USERDATA.dataTypeof, concatenation(dataTypeof)));
  if (isMap) parts.push(entry(SET_USERDATA.dataInterval, number(0)));
  if (comment !== undefined) parts.push(encodeComment('set', comment));
  return Buffer.concat(parts);
}

/** Expression types of nft (`enum expr_types`). */
const NFT_EXPRESSION = { payload: 7, meta: 9, concatenation: 13, numgen: 23 } as const;

/** Protocol and field of nft's payload templates. */
const PAYLOAD = {
  'ip saddr': [12, 11],
  'ip daddr': [12, 12],
  'ip6 saddr': [13, 8],
  'ip6 daddr': [13, 9],
  'th dport': [11, 2],
} as const;

const META_L4PROTO = 16;
const NUMGEN_RANDOM = 1;

function concatenation(fields: readonly TypeofField[]): Buffer {
  const parts = fields.map((field, index) => entry(index, typeofField(field)));
  return expression(NFT_EXPRESSION.concatenation, Buffer.concat(parts));
}

function typeofField(field: TypeofField): Buffer {
  if (field === 'meta l4proto') return expression(NFT_EXPRESSION.meta, numbers(META_L4PROTO));
  if (typeof field === 'string') return expression(NFT_EXPRESSION.payload, numbers(...PAYLOAD[field]));
  return expression(NFT_EXPRESSION.numgen, numbers(NUMGEN_RANDOM, field.numgen, 0));
}

function expression(type: number, content: Buffer): Buffer {
  return Buffer.concat([entry(0, number(type)), entry(1, content)]);
}

function numbers(...values: readonly number[]): Buffer {
  return Buffer.concat(values.map((value, index) => entry(index, number(value))));
}

/** One entry; entries nest. */
function entry(type: number, value: Uint8Array): Buffer {
  if (value.length > 255) throw new RangeError(`userdata of ${value.length} bytes: 255 is the most`);
  return Buffer.concat([Buffer.of(type, value.length), value]);
}

/** nft writes numbers of its userdata in host order. */
function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function entriesOf(userdata: Buffer | undefined): ReadonlyMap<number, Buffer> {
  const entries = new Map<number, Buffer>();
  if (userdata === undefined) return entries;
  for (let at = 0; at + 2 <= userdata.length;) {
    const end = at + 2 + (userdata[at + 1] ?? 0);
    entries.set(userdata[at] ?? 0, userdata.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/** At a character's boundary. */
function cut(text: string): string {
  let result = text;
  while (Buffer.byteLength(result) > COMMENT_BYTES) result = result.slice(0, -1);
  return result;
}

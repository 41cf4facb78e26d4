/**
 * Frames between the stand-in library (native/computenetwork.c) and the server. Little endian.
 *
 * request:  u32 length, then fields: u32 length, bytes. First field: the function's name in ASCII. GUIDs are the 16
 *           bytes of the struct, handles 8 bytes, texts UTF-16.
 * reply:    u32 length, u32 HRESULT, u64 handle, then two texts (out, error record): u32 length, UTF-16; length
 *           0xffffffff for a null pointer.
 */
import type { HcnArgument } from './functions.ts';
import type { HnsReply } from './hns.ts';

const NULL_TEXT = 0xffff_ffff;
const MAX_FRAME = 64 * 1024 * 1024;

export interface HnsRequest {
  readonly name: string;
  readonly args: readonly HcnArgument[];
}

/** The layout of the GUID struct: the first three groups are little-endian numbers. */
export function guidFromBytes(bytes: Buffer): string {
  const hex = (from: number, to: number): string => bytes.subarray(from, to).toString('hex');
  const swapped = (from: number, to: number): string =>
    Buffer.from(bytes.subarray(from, to)).reverse().toString('hex');
  const groups = [swapped(0, 4), swapped(4, 6), swapped(6, 8), hex(8, 10), hex(10, 16)];
  return groups.join('-').toUpperCase();
}

/** Whole frames at the head of `buffer`, and what is left. Throws on a length that no library would send. */
export function splitFrames(buffer: Buffer): { readonly frames: readonly Buffer[]; readonly rest: Buffer } {
  const frames: Buffer[] = [];
  let offset = 0;
  while (buffer.length - offset >= 4) {
    const length = buffer.readUInt32LE(offset);
    if (length > MAX_FRAME) throw new Error(`frame of ${length} bytes`);
    if (buffer.length - offset - 4 < length) break;
    frames.push(buffer.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return { frames, rest: buffer.subarray(offset) };
}

export function parseRequest(frame: Buffer): HnsRequest {
  const fields: Buffer[] = [];
  for (let offset = 0; offset < frame.length;) {
    const length = frame.readUInt32LE(offset);
    fields.push(frame.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  const name = fields.shift()?.toString('latin1') ?? '';
  const kinds = argumentKinds(name);
  return { name, args: fields.map((field, index) => parseArgument(field, kinds[index] ?? 'text')) };
}

type ArgumentKind = 'text' | 'guid' | 'handle';

function argumentKinds(name: string): readonly ArgumentKind[] {
  if (name === 'HcnCreateEndpoint') return ['handle', 'guid', 'text'];
  if (/^Hcn(Create|Open|Delete)/.test(name)) return ['guid', 'text'];
  if (/^Hcn(Query|Close|Modify)/.test(name)) return ['handle', 'text'];
  return [];
}

function parseArgument(field: Buffer, kind: ArgumentKind): HcnArgument {
  if (kind === 'guid') return guidFromBytes(field);
  return kind === 'handle' ? Number(field.readBigUInt64LE()) : field.toString('utf16le');
}

export function encodeReply(reply: HnsReply): Buffer {
  const head = Buffer.alloc(16);
  const texts = Buffer.concat([encodeText(reply.text), encodeText(reply.record)]);
  head.writeUInt32LE(12 + texts.length, 0);
  head.writeUInt32LE(reply.hr, 4);
  head.writeBigUInt64LE(BigInt(reply.handle ?? 0), 8);
  return Buffer.concat([head, texts]);
}

function encodeText(text: string | undefined): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text === undefined ? NULL_TEXT : text.length * 2);
  return text === undefined ? length : Buffer.concat([length, Buffer.from(text, 'utf16le')]);
}

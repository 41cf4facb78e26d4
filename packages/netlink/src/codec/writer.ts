import { align, NLA_F_NESTED, NLA_HEADER_BYTES, NLA_MAX_BYTES } from './constants.ts';

const SHORT_BYTES = 32;

/**
 * Builds one message's payload: a fixed header of the family, then attributes.
 * Integers are in host order, which is little-endian on every platform the socket opens on; the `...BE`
 * methods write network order, where the kernel's policy asks for it.
 */
export class PayloadWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = Buffer.alloc(capacity);
  }

  /** A family's fixed header, padded to 4 bytes. */
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(align(bytes.length));
    this.#bytes.set(bytes, at);
    return this;
  }

  bytes(type: number, value: Uint8Array): this {
    // First the place, then the buffer: making room may replace it.
    const at = this.#attribute(type, value.length);
    const { length } = value;
    // Most values are keys of a few bytes, of which there may be 100,000: a call of `set` costs more than to copy them.
    if (length > SHORT_BYTES) this.#bytes.set(value, at);
    else for (let index = 0; index < length; index++) this.#bytes[at + index] = value[index] ?? 0;
    return this;
  }

  u8(type: number, value: number): this {
    const at = this.#attribute(type, 1);
    this.#bytes[at] = value;
    return this;
  }

  u16(type: number, value: number): this {
    const at = this.#attribute(type, 2);
    this.#bytes.writeUInt16LE(value, at);
    return this;
  }

  u16BE(type: number, value: number): this {
    const at = this.#attribute(type, 2);
    this.#bytes.writeUInt16BE(value, at);
    return this;
  }

  u32(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    this.#bytes.writeUInt32LE(value >>> 0, at);
    return this;
  }

  u32BE(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    this.#bytes.writeUInt32BE(value >>> 0, at);
    return this;
  }

  /** Exact up to 2^53. */
  u64BE(type: number, value: number): this {
    const at = this.#attribute(type, 8);
    this.#bytes.writeBigUInt64BE(BigInt(value), at);
    return this;
  }

  /** NUL-terminated: what follows a NUL within the text would be lost. */
  text(type: number, value: string): this {
    if (value.includes('\0'))
      throw new RangeError(`attribute ${type}: ${JSON.stringify(value)} contains NUL`);
    const length = Buffer.byteLength(value);
    const at = this.#attribute(type, length + 1);
    // What is behind it is zero, as all memory that was not written yet.
    this.#bytes.write(value, at, length, 'utf8');
    return this;
  }

  /** Attributes that `build` writes, wrapped in one of `type`. */
  nested(type: number, build: (writer: this) => void): this {
    const start = this.open();
    build(this);
    return this.close(start, type);
  }

  /** As `nested` without a function, which 100,000 elements in a row would each need: what follows is wrapped by `close`. */
  open(): number {
    return this.#reserve(NLA_HEADER_BYTES);
  }

  close(start: number, type: number): this {
    this.#header(start, type | NLA_F_NESTED, this.#length - start);
    return this;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Reserves header and padded value, returns where the value goes. */
  #attribute(type: number, valueBytes: number): number {
    const at = this.#reserve(NLA_HEADER_BYTES + align(valueBytes));
    this.#header(at, type, NLA_HEADER_BYTES + valueBytes);
    return at + NLA_HEADER_BYTES;
  }

  #header(at: number, type: number, length: number): void {
    if (length > NLA_MAX_BYTES)
      throw new RangeError(`attribute ${type} of ${length} bytes: 65535 is the most`);
    const bytes = this.#bytes;
    bytes[at] = length & 0xff;
    bytes[at + 1] = length >> 8;
    bytes[at + 2] = type & 0xff;
    bytes[at + 3] = type >> 8;
  }

  #reserve(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, at + count));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    this.#length = at + count;
    return at;
  }
}

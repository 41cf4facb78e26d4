// A ZIP archive with fixed times: the same files give the same bytes on every machine, with no zip program needed.
import { crc32, deflateRawSync } from 'node:zlib';

/** 1980-01-01, the first date of the format. */
const DOS_DATE = 0x0021;
const UTF8 = 0x0800;
const DEFLATED = 8;

function header(signature, { name, data, compressed }) {
  const isCentral = signature === 0x02014b50;
  const bytes = Buffer.alloc(isCentral ? 46 : 30);
  let offset = bytes.writeUInt32LE(signature, 0);
  if (isCentral) offset = bytes.writeUInt16LE(20, offset);
  const times = [20, UTF8, DEFLATED, 0, DOS_DATE];
  for (const value of times) offset = bytes.writeUInt16LE(value, offset);
  for (const value of [crc32(data), compressed.length, data.length])
    offset = bytes.writeUInt32LE(value, offset);
  offset = bytes.writeUInt16LE(Buffer.byteLength(name), offset);
  bytes.writeUInt16LE(0, offset);
  return bytes;
}

/** @param {readonly {name: string, data: Buffer}[]} files names with forward slashes, below 4 GiB in all */
export function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, data } of files) {
    const entry = { name, data, compressed: deflateRawSync(data, { level: 9 }) };
    const central = header(0x02014b50, entry);
    central.writeUInt32LE(offset, 42);
    directory.push(central, Buffer.from(name));
    const local = [header(0x04034b50, entry), Buffer.from(name), entry.compressed];
    parts.push(...local);
    offset += local.reduce((sum, part) => sum + part.length, 0);
  }
  const end = Buffer.alloc(22);
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

import { encodeRequest, type NetlinkRequest, type RequestMode } from '../codec/message.ts';

/** Encodes with the sequence number and port that a tool happened to use, so that the bytes can be compared. */
export function encodeAsCaptured(request: NetlinkRequest, captured: string, mode: RequestMode): string {
  const header = Buffer.from(captured.slice(0, 32), 'hex');
  const addressing = { mode, sequence: header.readUInt32LE(8), port: header.readUInt32LE(12) };
  return encodeRequest(request, addressing).toString('hex');
}

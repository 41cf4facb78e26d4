import { addressBytes, addressText, type AddressFamily } from '../../codec/address.ts';
import { readAttributes, readU16BE, readU8 } from '../../codec/reader.ts';
import type { PayloadWriter } from '../../codec/writer.ts';
import { CTA_IP, CTA_PROTO, CTA_TUPLE } from './constants.ts';

/** One direction of a flow, as the packets of that direction carry it. */
export interface FlowTuple {
  /** Addresses are canonical text (RFC 5952) where the kernel lists them. */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

const SOURCE: Readonly<Record<AddressFamily, number>> = { IPv4: CTA_IP.V4_SRC, IPv6: CTA_IP.V6_SRC };
const DESTINATION: Readonly<Record<AddressFamily, number>> = { IPv4: CTA_IP.V4_DST, IPv6: CTA_IP.V6_DST };

export interface TupleContext {
  /** `CTA_TUPLE_ORIG` or `CTA_TUPLE_REPLY`. */
  readonly attribute: number;
  readonly family: AddressFamily;
  readonly protocol: number;
}

export function writeTuple(writer: PayloadWriter, tuple: FlowTuple, context: TupleContext): void {
  const { attribute, family, protocol } = context;
  writer.nested(attribute, () => {
    writer.nested(CTA_TUPLE.IP, () => {
      writer.bytes(SOURCE[family], addressBytes(tuple.source));
      writer.bytes(DESTINATION[family], addressBytes(tuple.destination));
    });
    writer.nested(CTA_TUPLE.PROTO, () => {
      writer.u8(CTA_PROTO.NUM, protocol);
      writer.u16BE(CTA_PROTO.SRC_PORT, tuple.sourcePort);
      writer.u16BE(CTA_PROTO.DST_PORT, tuple.destinationPort);
    });
  });
}

export function decodeProtocolNumber(tuple: Buffer | undefined): number | undefined {
  return readU8(readAttributes(readAttributes(tuple).get(CTA_TUPLE.PROTO)), CTA_PROTO.NUM);
}

/** `undefined` for a protocol without ports. */
export function decodeTuple(data: Buffer | undefined, family: AddressFamily): FlowTuple | undefined {
  const attributes = readAttributes(data);
  const addresses = readAttributes(attributes.get(CTA_TUPLE.IP));
  const ports = readAttributes(attributes.get(CTA_TUPLE.PROTO));
  const source = addressText(addresses.get(SOURCE[family]));
  const destination = addressText(addresses.get(DESTINATION[family]));
  const sourcePort = readU16BE(ports, CTA_PROTO.SRC_PORT);
  const destinationPort = readU16BE(ports, CTA_PROTO.DST_PORT);
  if (source === undefined || destination === undefined) return undefined;
  if (sourcePort === undefined || destinationPort === undefined) return undefined;
  return { source, destination, sourcePort, destinationPort };
}

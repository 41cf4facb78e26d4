import { type AddressFamily, FAMILY_NUMBER, familyOfNumber } from '../../codec/address.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readU16BE, readU32BE } from '../../codec/reader.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import { netfilterAttributes, netfilterHeader, netfilterType } from '../nfnetlink.ts';
import {
  CTA,
  CTA_FILTER,
  CTA_FILTER_FLAG_PROTO_NUM,
  CTA_PROTO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_STATE,
  CTA_TUPLE,
  IPCTNL_MSG_CT,
  TCP_STATE_ESTABLISHED,
} from './constants.ts';
import { decodeProtocolNumber, decodeTuple, type FlowTuple, writeTuple } from './tuple.ts';

/** What names a connection tracking entry. Both directions together distinguish it from any successor. */
export interface FlowKey {
  readonly family: AddressFamily;
  /** IANA number: 6, 17 or 132. */
  readonly protocol: number;
  /** Direction of the packet that created the entry, before address translation. */
  readonly original: FlowTuple;
  /** What the answers carry: after destination NAT its source is the endpoint. */
  readonly reply: FlowTuple;
  /** Conntrack zone; absent for zone 0. */
  readonly zone?: number;
  /**
   * The kernel's number of the entry. With it a deletion passes over a later entry of the same addresses
   * (unless that got the very memory of the old one, from which the number is made).
   */
  readonly id?: number;
}

/** An entry as the kernel lists it. */
export interface FlowState extends FlowKey {
  /** `IPS_*` bits: 0x2 seen reply, 0x20 destination NAT. */
  readonly status: number;
  /** `ct mark`; 0 where the kernel lists none. */
  readonly mark: number;
  /** Seconds until it expires, unless refreshed. */
  readonly timeoutSeconds?: number;
}

export interface FlowFilter {
  readonly family: AddressFamily;
  /** One IANA number that the kernel may filter by (5.8 and later); older kernels send everything. */
  readonly protocol?: number;
}

const TCP = 6;

function conntrackRequest(
  command: keyof typeof IPCTNL_MSG_CT,
  writer: PayloadWriter,
  flags = 0,
): NetlinkRequest {
  return {
    operation: `IPCTNL_MSG_CT_${command}`,
    type: netfilterType('conntrack', IPCTNL_MSG_CT[command]),
    flags,
    payload: writer.finish(),
  };
}

/** To be dumped. The kernel's filter is a help, no promise: the reader still has to look at the protocol. */
export function encodeListFlows({ family, protocol }: FlowFilter): NetlinkRequest {
  const writer = new PayloadWriter().raw(netfilterHeader(FAMILY_NUMBER[family]));
  if (protocol !== undefined) {
    writer.nested(CTA.TUPLE_ORIG, () => {
      writer.nested(CTA_TUPLE.PROTO, () => writer.u8(CTA_PROTO.NUM, protocol));
    });
    writer.nested(CTA.FILTER, () => writer.u32(CTA_FILTER.ORIG_FLAGS, CTA_FILTER_FLAG_PROTO_NUM));
  }
  return conntrackRequest('GET', writer);
}

/** Never without a tuple: DELETE with none empties the whole table. */
export function encodeDeleteFlow(flow: FlowKey): NetlinkRequest {
  const writer = new PayloadWriter().raw(netfilterHeader(FAMILY_NUMBER[flow.family]));
  writeTuples(writer, flow);
  if (flow.id !== undefined) writer.u32BE(CTA.ID, flow.id);
  if (flow.zone !== undefined) writer.u16BE(CTA.ZONE, flow.zone);
  return conntrackRequest('DELETE', writer);
}

/** For tests and for measuring: the daemon itself never makes entries. */
export function encodeNewFlow(flow: FlowKey, timeoutSeconds: number): NetlinkRequest {
  const writer = new PayloadWriter().raw(netfilterHeader(FAMILY_NUMBER[flow.family]));
  writeTuples(writer, flow);
  writer.u32BE(CTA.TIMEOUT, timeoutSeconds);
  if (flow.zone !== undefined) writer.u16BE(CTA.ZONE, flow.zone);
  if (flow.protocol === TCP) {
    writer.nested(CTA.PROTOINFO, () => {
      writer.nested(CTA_PROTOINFO_TCP, () => writer.u8(CTA_PROTOINFO_TCP_STATE, TCP_STATE_ESTABLISHED));
    });
  }
  return conntrackRequest('NEW', writer, NLM_F_CREATE | NLM_F_EXCL);
}

function writeTuples(writer: PayloadWriter, { family, protocol, original, reply }: FlowKey): void {
  writeTuple(writer, original, { attribute: CTA.TUPLE_ORIG, family, protocol });
  writeTuple(writer, reply, { attribute: CTA.TUPLE_REPLY, family, protocol });
}

/** `undefined` for an entry without ports, or of a protocol not among `protocols`. */
export function decodeFlow(message: NetlinkMessage, protocols: readonly number[]): FlowState | undefined {
  const family = familyOfNumber(message.payload[0]);
  if (family === undefined) return undefined;
  const attributes = readAttributes(netfilterAttributes(message));
  const originalData = attributes.get(CTA.TUPLE_ORIG);
  const protocol = decodeProtocolNumber(originalData);
  if (protocol === undefined || !protocols.includes(protocol)) return undefined;
  const original = decodeTuple(originalData, family);
  const reply = decodeTuple(attributes.get(CTA.TUPLE_REPLY), family);
  if (original === undefined || reply === undefined) return undefined;
  const zone = readU16BE(attributes, CTA.ZONE);
  const id = readU32BE(attributes, CTA.ID);
  const timeoutSeconds = readU32BE(attributes, CTA.TIMEOUT);
  return {
    family,
    protocol,
    original,
    reply,
    status: readU32BE(attributes, CTA.STATUS) ?? 0,
    mark: readU32BE(attributes, CTA.MARK) ?? 0,
    ...(zone === undefined ? {} : { zone }),
    ...(id === undefined ? {} : { id }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  };
}

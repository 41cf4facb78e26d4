import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readU32 } from '../../codec/reader.ts';
import { GENL_HEADER_BYTES } from '../generic.ts';
import { IPVS_CMD_ATTR, IPVS_INFO_ATTR } from './constants.ts';
import { ipvsPayload, ipvsRequest } from './service.ts';

/** Idle times of connections in seconds. */
export interface IpvsTimeouts {
  /** Of established TCP connections. */
  readonly tcp: number;
  /** Of TCP connections after a FIN. */
  readonly tcpFin: number;
  readonly udp: number;
}

/** Answer to `IPVS_CMD_GET_INFO`. */
export interface IpvsInfo {
  /** `1.2.1`. */
  readonly version: string;
  /** Buckets of the hash table of connections; not a limit of their number. */
  readonly connectionTableSize: number;
}

/** What is left out keeps its value. */
export function encodeSetTimeouts(familyId: number, timeouts: Partial<IpvsTimeouts>): NetlinkRequest {
  const writer = ipvsPayload('SET_CONFIG');
  if (timeouts.tcp !== undefined) writer.u32(IPVS_CMD_ATTR.TIMEOUT_TCP, timeouts.tcp);
  if (timeouts.tcpFin !== undefined) writer.u32(IPVS_CMD_ATTR.TIMEOUT_TCP_FIN, timeouts.tcpFin);
  if (timeouts.udp !== undefined) writer.u32(IPVS_CMD_ATTR.TIMEOUT_UDP, timeouts.udp);
  return ipvsRequest({ familyId, command: 'SET_CONFIG', writer });
}

export function encodeGetTimeouts(familyId: number): NetlinkRequest {
  return ipvsRequest({ familyId, command: 'GET_CONFIG', writer: ipvsPayload('GET_CONFIG') });
}

export function decodeTimeouts(message: NetlinkMessage): IpvsTimeouts | undefined {
  const attributes = readAttributes(message.payload.subarray(GENL_HEADER_BYTES));
  const tcp = readU32(attributes, IPVS_CMD_ATTR.TIMEOUT_TCP);
  const tcpFin = readU32(attributes, IPVS_CMD_ATTR.TIMEOUT_TCP_FIN);
  const udp = readU32(attributes, IPVS_CMD_ATTR.TIMEOUT_UDP);
  return tcp === undefined || tcpFin === undefined || udp === undefined ? undefined : { tcp, tcpFin, udp };
}

export function encodeGetInfo(familyId: number): NetlinkRequest {
  return ipvsRequest({ familyId, command: 'GET_INFO', writer: ipvsPayload('GET_INFO') });
}

export function decodeInfo(message: NetlinkMessage): IpvsInfo | undefined {
  const attributes = readAttributes(message.payload.subarray(GENL_HEADER_BYTES));
  const version = readU32(attributes, IPVS_INFO_ATTR.VERSION);
  const connectionTableSize = readU32(attributes, IPVS_INFO_ATTR.CONN_TAB_SIZE);
  if (version === undefined || connectionTableSize === undefined) return undefined;
  const parts = [(version >> 16) & 0xff, (version >> 8) & 0xff, version & 0xff];
  return { version: parts.join('.'), connectionTableSize };
}

import { type AddressFamily, FAMILY_NUMBER, familyOfAddress, familyOfNumber } from '../../codec/address.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readU16, readU16BE, readU32 } from '../../codec/reader.ts';
import { GENL_HEADER_BYTES } from '../generic.ts';
import {
  IPVS_CMD_ATTR,
  IPVS_DEST_ATTR,
  IPVS_FORWARDING,
  IPVS_FORWARDING_MASK,
  type IpvsForwarding,
} from './constants.ts';
import {
  formatServiceKey,
  ipvsPayload,
  ipvsRequest,
  type IpvsServiceKey,
  paddedAddress,
  unpaddedAddress,
  writeServiceKey,
} from './service.ts';
import { decodeIpvsStats, type IpvsStats } from './stats.ts';

/** What names a real server within its virtual server. */
export interface IpvsDestinationKey {
  readonly address: string;
  readonly port: number;
}

/** A real server, as it is written to its virtual server. */
export interface IpvsDestination extends IpvsDestinationKey {
  readonly forwarding: IpvsForwarding;
  /** 0 takes no new connections and keeps the old ones. */
  readonly weight: number;
  /** Connections at which new ones go elsewhere; 0 for no limit. */
  readonly upperThreshold: number;
  /** Connections below which new ones are accepted again; 0 for three quarters of `upperThreshold`. */
  readonly lowerThreshold: number;
}

/** A real server as the kernel lists it. */
export interface IpvsDestinationState extends IpvsDestination {
  /** `ActiveConn` of ipvsadm(8). */
  readonly activeConnections: number;
  /** `InActConn` of ipvsadm(8): connections in other states, and all of UDP. */
  readonly inactiveConnections: number;
  /** Persistence templates: clients that are bound to this real server. */
  readonly persistentConnections: number;
  readonly stats: IpvsStats;
}

export function encodeDestinationCommand(
  familyId: number,
  command: 'NEW_DEST' | 'SET_DEST',
  service: IpvsServiceKey,
  destination: IpvsDestination,
): NetlinkRequest {
  const writer = ipvsPayload(command);
  writeServiceKey(writer, service);
  writer.nested(IPVS_CMD_ATTR.DEST, () => {
    writer.u16(IPVS_DEST_ATTR.ADDR_FAMILY, FAMILY_NUMBER[familyOfAddress(destination.address)]);
    writer.bytes(IPVS_DEST_ATTR.ADDR, paddedAddress(destination.address));
    writer.u16BE(IPVS_DEST_ATTR.PORT, destination.port);
    writer.u32(IPVS_DEST_ATTR.FWD_METHOD, IPVS_FORWARDING[destination.forwarding]);
    writer.u32(IPVS_DEST_ATTR.WEIGHT, destination.weight);
    writer.u32(IPVS_DEST_ATTR.U_THRESH, destination.upperThreshold);
    writer.u32(IPVS_DEST_ATTR.L_THRESH, destination.lowerThreshold);
  });
  return ipvsRequest({ familyId, command, writer, subject: formatPair(service, destination) });
}

export function encodeDeleteDestination(
  familyId: number,
  service: IpvsServiceKey,
  destination: IpvsDestinationKey,
): NetlinkRequest {
  const writer = ipvsPayload('DEL_DEST');
  writeServiceKey(writer, service);
  writer.nested(IPVS_CMD_ATTR.DEST, () => {
    writer.u16(IPVS_DEST_ATTR.ADDR_FAMILY, FAMILY_NUMBER[familyOfAddress(destination.address)]);
    writer.bytes(IPVS_DEST_ATTR.ADDR, paddedAddress(destination.address));
    writer.u16BE(IPVS_DEST_ATTR.PORT, destination.port);
  });
  return ipvsRequest({ familyId, command: 'DEL_DEST', writer, subject: formatPair(service, destination) });
}

function formatPair(service: IpvsServiceKey, { address, port }: IpvsDestinationKey): string {
  const host = familyOfAddress(address) === 'IPv6' ? `[${address}]` : address;
  return `${formatServiceKey(service)} -> ${host}:${port}`;
}

/** To be dumped. A service that is not there gives an empty dump, no error. */
export function encodeListDestinations(familyId: number, service: IpvsServiceKey): NetlinkRequest {
  const writer = ipvsPayload('GET_DEST');
  writeServiceKey(writer, service);
  return ipvsRequest({ familyId, command: 'GET_DEST', writer, subject: formatServiceKey(service) });
}

/** `serviceFamily` stands in where the kernel (before 3.18) does not say the destination's own. */
export function decodeDestination(
  message: NetlinkMessage,
  serviceFamily: AddressFamily,
): IpvsDestinationState | undefined {
  const command = readAttributes(message.payload.subarray(GENL_HEADER_BYTES));
  const attributes = readAttributes(command.get(IPVS_CMD_ATTR.DEST));
  const family = familyOfNumber(readU16(attributes, IPVS_DEST_ATTR.ADDR_FAMILY)) ?? serviceFamily;
  const address = unpaddedAddress(family, attributes.get(IPVS_DEST_ATTR.ADDR));
  const port = readU16BE(attributes, IPVS_DEST_ATTR.PORT);
  if (address === undefined || port === undefined) return undefined;
  const number = (type: number): number => readU32(attributes, type) ?? 0;
  return {
    address,
    port,
    forwarding: forwardingOfNumber(number(IPVS_DEST_ATTR.FWD_METHOD)),
    weight: number(IPVS_DEST_ATTR.WEIGHT) | 0,
    upperThreshold: number(IPVS_DEST_ATTR.U_THRESH),
    lowerThreshold: number(IPVS_DEST_ATTR.L_THRESH),
    activeConnections: number(IPVS_DEST_ATTR.ACTIVE_CONNS),
    inactiveConnections: number(IPVS_DEST_ATTR.INACT_CONNS),
    persistentConnections: number(IPVS_DEST_ATTR.PERSIST_CONNS),
    stats: decodeIpvsStats(attributes.get(IPVS_DEST_ATTR.STATS)),
  };
}

const FORWARDINGS = Object.keys(IPVS_FORWARDING) as IpvsForwarding[];

function forwardingOfNumber(value: number): IpvsForwarding {
  return FORWARDINGS.find((name) => IPVS_FORWARDING[name] === (value & IPVS_FORWARDING_MASK)) ?? 'masquerade';
}

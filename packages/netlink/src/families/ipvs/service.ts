import {
  addressBytes,
  addressText,
  type AddressFamily,
  FAMILY_NUMBER,
  familyOfNumber,
} from '../../codec/address.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import {
  type Attributes,
  readAttributes,
  readText,
  readU16,
  readU16BE,
  readU32,
  readU32BE,
} from '../../codec/reader.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import { GENL_HEADER_BYTES, genericHeader } from '../generic.ts';
import {
  IPVS_CMD,
  IPVS_CMD_ATTR,
  IPVS_GENL_VERSION,
  IPVS_SERVICE_FLAG,
  IPVS_SVC_ATTR,
  type IpvsCommand,
} from './constants.ts';
import { decodeIpvsStats, type IpvsStats } from './stats.ts';

/** What names a virtual server. */
export interface IpvsServiceKey {
  readonly family: AddressFamily;
  /** IANA number: 6, 17 or 132. */
  readonly protocol: number;
  /** Canonical text (RFC 5952) where the kernel lists it; any valid text in a request. */
  readonly address: string;
  readonly port: number;
}

/** A virtual server, as it is written. */
export interface IpvsService extends IpvsServiceKey {
  /** `rr`, `wlc`, `mh` ... at most 15 characters; its module must be there. */
  readonly scheduler: string;
  /** Bits of `IPVS_SERVICE_FLAG`, without `hashed`. */
  readonly flags: number;
  /** Persistence in seconds; means something only with the `persistent` flag. */
  readonly timeoutSeconds: number;
  /** Prefix length of the clients that persistence takes for one; 32 or 128 by default. */
  readonly persistencePrefix: number;
}

/** A virtual server as the kernel lists it. */
export interface IpvsServiceState extends IpvsService {
  readonly stats: IpvsStats;
}

const FLAGS_MASK_ALL = 0xffffffff;

export interface IpvsMessage {
  readonly familyId: number;
  readonly command: IpvsCommand;
  readonly writer: PayloadWriter;
  readonly subject?: string;
}

export function ipvsRequest({ familyId, command, writer, subject }: IpvsMessage): NetlinkRequest {
  const request = { operation: `IPVS_CMD_${command}`, type: familyId, flags: 0, payload: writer.finish() };
  return subject === undefined ? request : { ...request, context: { subject } };
}

const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

/** `10.96.0.1:443/tcp`. */
export function formatServiceKey({ family, address, port, protocol }: IpvsServiceKey): string {
  const host = family === 'IPv6' ? `[${address}]` : address;
  return `${host}:${port}/${PROTOCOL_NAMES[protocol] ?? protocol}`;
}

export function ipvsPayload(command: IpvsCommand): PayloadWriter {
  return new PayloadWriter().raw(genericHeader(IPVS_CMD[command], IPVS_GENL_VERSION));
}

/** The attributes that every command on a service or its destinations carries. */
export function writeServiceKey(writer: PayloadWriter, key: IpvsServiceKey): void {
  writer.nested(IPVS_CMD_ATTR.SERVICE, () => serviceKeyAttributes(writer, key));
}

function serviceKeyAttributes(writer: PayloadWriter, key: IpvsServiceKey): void {
  writer.u16(IPVS_SVC_ATTR.AF, FAMILY_NUMBER[key.family]);
  writer.u16(IPVS_SVC_ATTR.PROTOCOL, key.protocol);
  writer.bytes(IPVS_SVC_ATTR.ADDR, paddedAddress(key.address));
  writer.u16BE(IPVS_SVC_ATTR.PORT, key.port);
}

/** `union nf_inet_addr`: always 16 bytes, an IPv4 address in the first four. */
export function paddedAddress(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  addressBytes(address).copy(bytes);
  return bytes;
}

/** `paddedAddress` undone. */
export function unpaddedAddress(family: AddressFamily, bytes: Buffer | undefined): string | undefined {
  return addressText(family === 'IPv4' ? bytes?.subarray(0, 4) : bytes);
}

export function encodeServiceCommand(
  familyId: number,
  command: 'NEW_SERVICE' | 'SET_SERVICE',
  service: IpvsService,
): NetlinkRequest {
  const writer = ipvsPayload(command);
  writer.nested(IPVS_CMD_ATTR.SERVICE, () => {
    serviceKeyAttributes(writer, service);
    writer.text(IPVS_SVC_ATTR.SCHED_NAME, service.scheduler);
    writer.bytes(IPVS_SVC_ATTR.FLAGS, flagsAndMask(service.flags));
    writer.u32(IPVS_SVC_ATTR.TIMEOUT, service.timeoutSeconds);
    writeNetmask(writer, service);
  });
  return ipvsRequest({ familyId, command, writer, subject: formatServiceKey(service) });
}

/** `struct ip_vs_flags`: the bits and which of them count. */
function flagsAndMask(flags: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(flags >>> 0, 0);
  bytes.writeUInt32LE(FLAGS_MASK_ALL, 4);
  return bytes;
}

/** IPv4: a mask in network order. IPv6: a prefix length in host order. */
function writeNetmask(writer: PayloadWriter, service: IpvsService): void {
  if (service.family === 'IPv6') writer.u32(IPVS_SVC_ATTR.NETMASK, service.persistencePrefix);
  else writer.u32BE(IPVS_SVC_ATTR.NETMASK, prefixMask(service.persistencePrefix));
}

function prefixMask(prefix: number): number {
  return prefix === 0 ? 0 : 0xffffffff << (32 - prefix);
}

export function encodeDeleteService(familyId: number, key: IpvsServiceKey): NetlinkRequest {
  const writer = ipvsPayload('DEL_SERVICE');
  writeServiceKey(writer, key);
  return ipvsRequest({ familyId, command: 'DEL_SERVICE', writer, subject: formatServiceKey(key) });
}

export function encodeGetService(familyId: number, key: IpvsServiceKey): NetlinkRequest {
  const writer = ipvsPayload('GET_SERVICE');
  writeServiceKey(writer, key);
  return ipvsRequest({ familyId, command: 'GET_SERVICE', writer, subject: formatServiceKey(key) });
}

/** To be dumped. */
export function encodeListServices(familyId: number): NetlinkRequest {
  return ipvsRequest({ familyId, command: 'GET_SERVICE', writer: ipvsPayload('GET_SERVICE') });
}

/** `undefined` for anything that is no address-based service (a service by firewall mark is none). */
export function decodeService(message: NetlinkMessage): IpvsServiceState | undefined {
  const command = readAttributes(message.payload.subarray(GENL_HEADER_BYTES));
  const attributes = readAttributes(command.get(IPVS_CMD_ATTR.SERVICE));
  const family = familyOfNumber(readU16(attributes, IPVS_SVC_ATTR.AF));
  if (family === undefined) return undefined;
  const address = unpaddedAddress(family, attributes.get(IPVS_SVC_ATTR.ADDR));
  const protocol = readU16(attributes, IPVS_SVC_ATTR.PROTOCOL);
  const port = readU16BE(attributes, IPVS_SVC_ATTR.PORT);
  const scheduler = readText(attributes, IPVS_SVC_ATTR.SCHED_NAME);
  if (address === undefined || protocol === undefined || port === undefined || scheduler === undefined) {
    return undefined;
  }
  return {
    family,
    protocol,
    address,
    port,
    scheduler,
    flags: (readU32(attributes, IPVS_SVC_ATTR.FLAGS) ?? 0) & ~IPVS_SERVICE_FLAG.hashed,
    timeoutSeconds: readU32(attributes, IPVS_SVC_ATTR.TIMEOUT) ?? 0,
    persistencePrefix: readPrefix(family, attributes),
    stats: decodeIpvsStats(attributes.get(IPVS_SVC_ATTR.STATS)),
  };
}

function readPrefix(family: AddressFamily, attributes: Attributes): number {
  if (family === 'IPv6') return readU32(attributes, IPVS_SVC_ATTR.NETMASK) ?? 128;
  const mask = readU32BE(attributes, IPVS_SVC_ATTR.NETMASK) ?? 0xffffffff;
  return Math.clz32(~mask >>> 0);
}

import {
  addressBytes,
  addressText,
  type AddressFamily,
  FAMILY_NUMBER,
  familyOfNumber,
} from '../../codec/address.ts';
import { AF_UNSPEC, NLM_F_CREATE, NLM_F_EXCL } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readU32 } from '../../codec/reader.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import { ADDRESS_FLAG, ADDRESS_SCOPE, type AddressScope, IFA, RTM } from './constants.ts';

const IFADDRMSG_BYTES = 8;

/** An address of a link. */
export interface LinkAddress {
  readonly family: AddressFamily;
  /** Canonical text (RFC 5952) where the kernel lists it; any valid text in a request. */
  readonly address: string;
  /** 32 for an IPv4 host address, 128 for an IPv6 one. */
  readonly prefixLength: number;
  /** `ifa_index`: the number of the interface. */
  readonly linkIndex: number;
}

/** An address as the kernel lists it, or as a notification has it. */
export interface LinkAddressState extends LinkAddress {
  /** `other`: a number that `ADDRESS_SCOPE` does not have. */
  readonly scope: AddressScope | 'other';
  /** `IFA_F_*` bits. */
  readonly flags: number;
}

/** What RTM_NEWADDR sets besides address and prefix length. */
export type AddressOptions = {
  /** No duplicate address detection (IPv6): the address works at once. */
  readonly noDad?: boolean;
  /** IPv4: `host` keeps the kernel from choosing it as the source towards others. IPv6 addresses have a scope by nature. */
  readonly scope?: AddressScope;
  /** IPv6: preferred for no time at all, valid for ever; the kernel then chooses any other source before it. */
  readonly deprecated?: boolean;
};

function addressPayload(address: LinkAddress, options: AddressOptions): PayloadWriter {
  const header = Buffer.alloc(IFADDRMSG_BYTES);
  header[0] = FAMILY_NUMBER[address.family];
  header[1] = address.prefixLength;
  header[2] = options.noDad === true ? ADDRESS_FLAG.noDad : 0;
  header[3] = ADDRESS_SCOPE[options.scope ?? 'global'];
  header.writeUInt32LE(address.linkIndex, 4);
  const bytes = addressBytes(address.address);
  return new PayloadWriter().raw(header).bytes(IFA.LOCAL, bytes).bytes(IFA.ADDRESS, bytes);
}

export function encodeNewAddress(address: LinkAddress, options: AddressOptions = {}): NetlinkRequest {
  const writer = addressPayload(address, options);
  if (options.deprecated === true) writer.bytes(IFA.CACHEINFO, cacheInfo(0, FOR_EVER));
  const payload = writer.finish();
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return { operation: 'RTM_NEWADDR', type: RTM.NEWADDR, flags, payload, context: about(address) };
}

const FOR_EVER = 0xffff_ffff;

/** `struct ifa_cacheinfo`: seconds preferred and valid, and two time stamps that only the kernel sets. */
function cacheInfo(preferred: number, valid: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(preferred, 0);
  bytes.writeUInt32LE(valid, 4);
  return bytes;
}

export function encodeDeleteAddress(address: LinkAddress): NetlinkRequest {
  const payload = addressPayload(address, {}).finish();
  return { operation: 'RTM_DELADDR', type: RTM.DELADDR, flags: 0, payload, context: about(address) };
}

function about({ address, prefixLength, linkIndex }: LinkAddress): { readonly subject: string } {
  return { subject: `${address}/${prefixLength} on link ${linkIndex}` };
}

/** To be dumped: all addresses, or those of one family. */
export function encodeListAddresses(family?: AddressFamily): NetlinkRequest {
  const header = Buffer.alloc(IFADDRMSG_BYTES);
  header[0] = family === undefined ? AF_UNSPEC : FAMILY_NUMBER[family];
  return { operation: 'RTM_GETADDR', type: RTM.GETADDR, flags: 0, payload: header };
}

/** An address from RTM_NEWADDR or RTM_DELADDR, as an answer or as a notification. */
export function decodeAddress(message: NetlinkMessage): LinkAddressState | undefined {
  if (message.type !== RTM.NEWADDR && message.type !== RTM.DELADDR) return undefined;
  if (message.payload.length < IFADDRMSG_BYTES) return undefined;
  const attributes = readAttributes(message.payload.subarray(IFADDRMSG_BYTES));
  const family = familyOfNumber(message.payload[0]);
  // On a point-to-point link IFA_ADDRESS is the peer; IFA_LOCAL, where present, is always the local address.
  const address = addressText(attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS));
  if (family === undefined || address === undefined) return undefined;
  return {
    family,
    address,
    prefixLength: message.payload[1] ?? 0,
    linkIndex: message.payload.readUInt32LE(4),
    scope: scopeOfNumber(message.payload[3]),
    flags: readU32(attributes, IFA.FLAGS) ?? message.payload[2] ?? 0,
  };
}

const SCOPES = Object.keys(ADDRESS_SCOPE) as AddressScope[];

function scopeOfNumber(value: number | undefined): AddressScope | 'other' {
  return SCOPES.find((name) => ADDRESS_SCOPE[name] === value) ?? 'other';
}

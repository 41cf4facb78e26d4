import { addressBytes, addressText } from '../../codec/address.ts';
import { NLM_F_EXCL } from '../../codec/constants.ts';
import type { NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readU16BE, readU32BE, readU8 } from '../../codec/reader.ts';
import type { PayloadWriter } from '../../codec/writer.ts';
import { NFGENMSG_BYTES } from '../nfnetlink.ts';
import { IPSET_ATTR, IPSET_BITMAP_ERRORS, IPSET_DATA, IPSET_HASH_ERRORS, IPSET_IPADDR } from './constants.ts';
import { ipsetPayload, ipsetRequest, networkOrder } from './message.ts';

/**
 * A member of a set. The set's type decides which fields it has:
 * `hash:ip` address · `hash:net` address, prefixLength · `hash:ip,port` address, protocol, port ·
 * `hash:ip,port,ip` the same and secondAddress · `hash:ip,port,net` the same and secondPrefixLength ·
 * `bitmap:port` port.
 * The kernel takes no prefix length of 0: "everywhere" is two entries, 0.0.0.0/1 and 128.0.0.0/1.
 */
export interface IpsetEntry {
  readonly address?: string;
  readonly prefixLength?: number;
  /** IANA number: 6, 17 or 132. */
  readonly protocol?: number;
  readonly port?: number;
  readonly secondAddress?: string;
  readonly secondPrefixLength?: number;
}

/** Entries of one message: the list is one attribute, which ends at 64 KiB, and an entry takes up to 84 bytes. */
export const ENTRIES_PER_MESSAGE = 700;

/** `skip`: an entry that is there already (or, when deleting, is not there) is passed over. */
export type OnDuplicate = 'skip' | 'refuse';

export interface EntryChange {
  readonly protocol: number;
  readonly setName: string;
  /** At most `ENTRIES_PER_MESSAGE`. */
  readonly entries: readonly IpsetEntry[];
  readonly duplicates: OnDuplicate;
}

/** One message for all entries; the echo of a rejection names the entry (`refusedEntry`). */
export function encodeEntryChange(command: 'ADD' | 'DEL', change: EntryChange): NetlinkRequest {
  const writer = ipsetPayload(change.protocol, change.setName);
  writer.u32BE(networkOrder(IPSET_ATTR.LINENO), 0);
  writer.nested(IPSET_ATTR.ADT, () => {
    change.entries.forEach((entry, index) => {
      writer.nested(IPSET_ATTR.DATA, () => {
        writeEntry(writer, entry);
        writer.u32BE(networkOrder(IPSET_DATA.LINENO), index + 1);
      });
    });
  });
  const flags = change.duplicates === 'refuse' ? NLM_F_EXCL : 0;
  const context = {
    subject: change.setName,
    errors: change.entries[0]?.address === undefined ? IPSET_BITMAP_ERRORS : IPSET_HASH_ERRORS,
    locate: refusedEntry,
  };
  return ipsetRequest({ command, writer, flags, context });
}

function writeEntry(writer: PayloadWriter, entry: IpsetEntry): void {
  if (entry.address !== undefined) writeAddress(writer, IPSET_DATA.IP, entry.address);
  if (entry.prefixLength !== undefined) writer.u8(IPSET_DATA.CIDR, entry.prefixLength);
  if (entry.port !== undefined) writer.u16BE(networkOrder(IPSET_DATA.PORT), entry.port);
  if (entry.protocol !== undefined) writer.u8(IPSET_DATA.PROTO, entry.protocol);
  if (entry.secondAddress !== undefined) writeAddress(writer, IPSET_DATA.IP2, entry.secondAddress);
  if (entry.secondPrefixLength !== undefined) writer.u8(IPSET_DATA.CIDR2, entry.secondPrefixLength);
}

function writeAddress(writer: PayloadWriter, attribute: number, address: string): void {
  const bytes = addressBytes(address);
  const inner = bytes.length === 4 ? IPSET_IPADDR.IPV4 : IPSET_IPADDR.IPV6;
  writer.nested(attribute, () => writer.bytes(networkOrder(inner), bytes));
}

/** Which entry (from 0) a refusal of `encodeEntryChange` is about, by the message the kernel sent back. */
export function refusedEntry(echo: Buffer | undefined): number | undefined {
  if (echo === undefined) return undefined;
  const attributes = readAttributes(echo.subarray(16 + NFGENMSG_BYTES));
  const line = readU32BE(attributes, IPSET_ATTR.LINENO);
  return line === undefined || line === 0 ? undefined : line - 1;
}

export function decodeEntry(data: Buffer): IpsetEntry {
  const attributes = readAttributes(data);
  const entry: { -readonly [K in keyof IpsetEntry]: IpsetEntry[K] } = {};
  const address = readAddress(attributes.get(IPSET_DATA.IP));
  if (address !== undefined) entry.address = address;
  const prefixLength = readU8(attributes, IPSET_DATA.CIDR);
  if (prefixLength !== undefined) entry.prefixLength = prefixLength;
  const protocol = readU8(attributes, IPSET_DATA.PROTO);
  if (protocol !== undefined) entry.protocol = protocol;
  const port = readU16BE(attributes, IPSET_DATA.PORT);
  if (port !== undefined) entry.port = port;
  const secondAddress = readAddress(attributes.get(IPSET_DATA.IP2));
  if (secondAddress !== undefined) entry.secondAddress = secondAddress;
  const secondPrefixLength = readU8(attributes, IPSET_DATA.CIDR2);
  if (secondPrefixLength !== undefined) entry.secondPrefixLength = secondPrefixLength;
  return entry;
}

function readAddress(data: Buffer | undefined): string | undefined {
  const attributes = readAttributes(data);
  return addressText(attributes.get(IPSET_IPADDR.IPV4) ?? attributes.get(IPSET_IPADDR.IPV6));
}

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
  132: 'sctp',
};

/** As ipset(8) writes it: `10.1.0.2,tcp:80,192.168.0.0/16`. */
export function formatEntry(entry: IpsetEntry): string {
  const cidr = (length: number | undefined): string => (length === undefined ? '' : `/${length}`);
  const parts: string[] = [];
  if (entry.address !== undefined) parts.push(`${entry.address}${cidr(entry.prefixLength)}`);
  if (entry.port !== undefined) {
    const name = entry.protocol === undefined ? '' : `${PROTOCOL_NAMES[entry.protocol] ?? entry.protocol}:`;
    parts.push(`${name}${entry.port}`);
  }
  if (entry.secondAddress !== undefined)
    parts.push(`${entry.secondAddress}${cidr(entry.secondPrefixLength)}`);
  return parts.join(',');
}

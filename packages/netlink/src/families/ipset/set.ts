import { type AddressFamily, FAMILY_NUMBER, familyOfNumber } from '../../codec/address.ts';
import { AF_UNSPEC, NLM_F_CREATE, NLM_F_EXCL } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { eachAttribute, readAttributes, readText, readU16BE, readU32BE, readU8 } from '../../codec/reader.ts';
import type { PayloadWriter } from '../../codec/writer.ts';
import { netfilterAttributes } from '../nfnetlink.ts';
import { IPSET_ATTR, IPSET_DATA, IPSET_FLAG_LIST_SETNAME } from './constants.ts';
import { decodeEntry, type IpsetEntry, type OnDuplicate } from './entry.ts';
import { ipsetPayload, ipsetRequest, networkOrder } from './message.ts';

/** Types whose entries this package can encode. */
export type IpsetHashType = 'hash:ip' | 'hash:net' | 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net';

/** A set to create. Ports of `bitmap:port` are an inclusive range; absent fields have the kernel's defaults. */
export type IpsetDefinition =
  | {
      readonly name: string;
      readonly type: IpsetHashType;
      readonly family: AddressFamily;
      /** Buckets at the start; the kernel makes it a power of two. */
      readonly hashSize?: number;
      /** Entries at most. */
      readonly maxElements?: number;
    }
  | {
      readonly name: string;
      readonly type: 'bitmap:port';
      readonly firstPort: number;
      readonly lastPort: number;
    };

/** A set as the kernel has it. Other types than those above come with the fields that have a decoder. */
export interface IpsetState {
  readonly name: string;
  readonly type: string;
  readonly revision: number;
  /** Absent for types that have none (bitmap:port). */
  readonly family?: AddressFamily;
  /** Buckets now; hash types only. */
  readonly hashSize?: number;
  readonly maxElements?: number;
  readonly firstPort?: number;
  readonly lastPort?: number;
  /** Rules and sets that refer to it. */
  readonly references: number;
  readonly memoryBytes: number;
  readonly entries: readonly IpsetEntry[];
}

export interface CreateSet {
  readonly protocol: number;
  /** The type's revision, as `IPSET_CMD_TYPE` reported. */
  readonly revision: number;
  readonly definition: IpsetDefinition;
  /** `skip`: a set of the same name, type and options is left as it is. */
  readonly duplicates: OnDuplicate;
}

export function encodeCreateSet({ protocol, revision, definition, duplicates }: CreateSet): NetlinkRequest {
  const writer = ipsetPayload(protocol, definition.name);
  writer.text(IPSET_ATTR.TYPENAME, definition.type);
  writer.u8(IPSET_ATTR.REVISION, revision);
  writer.u8(IPSET_ATTR.FAMILY, familyNumber(definition));
  writer.nested(IPSET_ATTR.DATA, () => writeOptions(writer, definition));
  const flags = NLM_F_CREATE | (duplicates === 'refuse' ? NLM_F_EXCL : 0);
  return ipsetRequest({ command: 'CREATE', writer, flags, context: { subject: definition.name } });
}

export function familyNumber(definition: IpsetDefinition): number {
  return definition.type === 'bitmap:port' ? AF_UNSPEC : FAMILY_NUMBER[definition.family];
}

function writeOptions(writer: PayloadWriter, definition: IpsetDefinition): void {
  if (definition.type === 'bitmap:port') {
    writer.u16BE(networkOrder(IPSET_DATA.PORT), definition.firstPort);
    writer.u16BE(networkOrder(IPSET_DATA.PORT_TO), definition.lastPort);
    return;
  }
  const { hashSize, maxElements } = definition;
  if (hashSize !== undefined) writer.u32BE(networkOrder(IPSET_DATA.HASHSIZE), hashSize);
  if (maxElements !== undefined) writer.u32BE(networkOrder(IPSET_DATA.MAXELEM), maxElements);
}

/** Without NLM_F_EXCL newer kernels say nothing of a set that is not there. */
export function encodeDestroySet(protocol: number, name: string): NetlinkRequest {
  const writer = ipsetPayload(protocol, name);
  return ipsetRequest({ command: 'DESTROY', writer, flags: NLM_F_EXCL, context: { subject: name } });
}

export function encodeFlushSet(protocol: number, name: string): NetlinkRequest {
  return ipsetRequest({ command: 'FLUSH', writer: ipsetPayload(protocol, name), context: { subject: name } });
}

/** `SWAP` exchanges the contents of two sets of one type, with rules still referring by name; `RENAME` renames. */
export function encodeTwoSets(
  command: 'SWAP' | 'RENAME',
  protocol: number,
  names: { readonly from: string; readonly to: string },
): NetlinkRequest {
  const writer = ipsetPayload(protocol, names.from).text(IPSET_ATTR.SETNAME2, names.to);
  return ipsetRequest({ command, writer, context: { subject: `${names.from}, ${names.to}` } });
}

/** To be dumped: one set, or all. */
export function encodeListSets(protocol: number, name?: string): NetlinkRequest {
  const context = name === undefined ? {} : { subject: name };
  return ipsetRequest({ command: 'LIST', writer: ipsetPayload(protocol, name), context });
}

/** To be dumped: messages with a name and nothing else. */
export function encodeListNames(protocol: number): NetlinkRequest {
  const writer = ipsetPayload(protocol).u32BE(networkOrder(IPSET_ATTR.FLAGS), IPSET_FLAG_LIST_SETNAME);
  return ipsetRequest({ command: 'LIST', writer });
}

/** One message of a listing: a set's head, or (`type` absent) further entries of the set named. */
export type IpsetPart = Partial<IpsetState> & {
  readonly name: string;
  readonly entries: readonly IpsetEntry[];
};

export function decodeSetPart(message: NetlinkMessage): IpsetPart | undefined {
  const attributes = readAttributes(netfilterAttributes(message));
  const name = readText(attributes, IPSET_ATTR.SETNAME);
  if (name === undefined) return undefined;
  const entries: IpsetEntry[] = [];
  const list = attributes.get(IPSET_ATTR.ADT);
  if (list !== undefined) {
    eachAttribute(list, (type, data) => {
      if (type === IPSET_ATTR.DATA) entries.push(decodeEntry(data));
    });
  }
  const type = readText(attributes, IPSET_ATTR.TYPENAME);
  if (type === undefined) return { name, entries };
  const revision = readU8(attributes, IPSET_ATTR.REVISION) ?? 0;
  const family = familyOfNumber(readU8(attributes, IPSET_ATTR.FAMILY));
  const options = decodeOptions(attributes.get(IPSET_ATTR.DATA));
  return { name, type, revision, ...(family === undefined ? {} : { family }), ...options, entries };
}

function decodeOptions(data: Buffer | undefined): Partial<IpsetState> {
  const attributes = readAttributes(data);
  const found: [keyof IpsetState, number | undefined][] = [
    ['hashSize', readU32BE(attributes, IPSET_DATA.HASHSIZE)],
    ['maxElements', readU32BE(attributes, IPSET_DATA.MAXELEM)],
    ['firstPort', readU16BE(attributes, IPSET_DATA.PORT)],
    ['lastPort', readU16BE(attributes, IPSET_DATA.PORT_TO)],
    ['references', readU32BE(attributes, IPSET_DATA.REFERENCES)],
    ['memoryBytes', readU32BE(attributes, IPSET_DATA.MEMSIZE)],
  ];
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

/** Puts a listing together: a large set comes in several messages. */
export function assembleSets(parts: readonly IpsetPart[]): IpsetState[] {
  const sets = new Map<string, IpsetState & { entries: IpsetEntry[] }>();
  for (const part of parts) {
    const known = sets.get(part.name);
    if (known !== undefined) for (const entry of part.entries) known.entries.push(entry);
    else sets.set(part.name, { ...EMPTY, ...part, entries: [...part.entries] });
  }
  return [...sets.values()];
}

const EMPTY = { type: '', revision: 0, references: 0, memoryBytes: 0 } as const;

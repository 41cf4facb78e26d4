import { NLM_F_CREATE } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { type Attributes, readAttributes, readText, readU32BE, readU64BE } from '../../codec/reader.ts';
import type { PayloadWriter } from '../../codec/writer.ts';
import { netfilterAttributes } from '../nfnetlink.ts';
import {
  DATA_TYPE,
  type DataType,
  NFTA_LIST_ELEMENT,
  NFTA_SET,
  NFTA_SET_DESC_CONCAT,
  SET_FLAG,
  type SetFlag,
  VERDICT_DATA_TYPE,
} from './constants.ts';
import { readExpression, writeExpression } from './expression-codec.ts';
import { checkName, familyOfMessage, isMessage, nftRequest } from './message.ts';
import type { NftablesTable } from './table.ts';
import { decodeComment, encodeSetUserdata, type TypeofField, typeofDigits } from './userdata.ts';

/** A named set, or a map where `data` is there. */
export interface NftablesSet {
  readonly name: string;
  /** Fields of the key, in order; each takes a multiple of 4 bytes. */
  readonly key: readonly DataType[];
  readonly data?: 'verdict' | readonly DataType[];
  /** `map` and `concatenation` follow from the types. */
  readonly flags?: readonly Exclude<SetFlag, 'map' | 'concatenation'>[];
  /** Of elements that name none, in milliseconds. */
  readonly timeout?: number;
  /** Listed by nft; at most 128 bytes are kept. */
  readonly comment?: string;
  /** Packets and bytes are counted for each element. */
  readonly counter?: true;
  /** The declaration in nft's words, where the types do not say enough for nft to load its own listing. */
  readonly typeof?: { readonly key: readonly TypeofField[]; readonly data?: readonly TypeofField[] };
}

/** A set as the kernel lists it, in numbers. */
export interface NftablesSetState {
  readonly table: NftablesTable;
  readonly name: string;
  /** `SET_FLAG` bits. */
  readonly flags: number;
  /** `DATA_TYPE` id; of a concatenation one for each field, 6 bits each, the first field highest. */
  readonly keyType: number;
  /** In bytes, as `dataLength`. */
  readonly keyLength: number;
  /** As `keyType`; 0 for a set, `NFT_DATA_VERDICT` for a map of verdicts. */
  readonly dataType: number;
  readonly dataLength: number;
  /** In milliseconds; 0: none. */
  readonly timeout: number;
  readonly hasCounter: boolean;
  /** Differs from that of every set that was there before under this name. */
  readonly handle: number;
  /** The declaration in `typeof` form, as digits; empty: in types alone. */
  readonly typeof: string;
  /** Number of elements; absent before Linux 6.17. */
  readonly count?: number;
  readonly comment?: string;
}

/** Each field of a concatenation is padded to 4 bytes. */
function paddedBytes(type: DataType): number {
  return (DATA_TYPE[type].bytes + 3) & ~3;
}

/** Type number and length of a key or of data. */
function concatenated(types: readonly DataType[]): { readonly type: number; readonly length: number } {
  const [only, ...more] = types;
  if (only !== undefined && more.length === 0) {
    return { type: DATA_TYPE[only].id, length: DATA_TYPE[only].bytes };
  }
  const type = types.reduce((value, name) => value * 64 + DATA_TYPE[name].id, 0);
  return { type, length: types.reduce((sum, name) => sum + paddedBytes(name), 0) };
}

function flagsOf({ key, data, flags = [] }: NftablesSet): number {
  const named = flags.reduce((bits, flag) => bits | SET_FLAG[flag], 0);
  const isInterval = flags.includes('interval') && key.length > 1;
  const concat = isInterval ? SET_FLAG.concatenation : 0;
  return named | concat | (data === undefined ? 0 : SET_FLAG.map);
}

/** A declaration in numbers. `typeof` is all that the kernel does not compare where a set of this name exists: EEXIST. */
export type NftablesSetForm = Omit<NftablesSetState, 'table' | 'handle' | 'count' | 'comment'>;

/** What the kernel lists of a set that was created by this declaration. */
export function expectedState(set: NftablesSet): NftablesSetForm {
  const key = concatenated(set.key);
  const isVerdict = set.data === 'verdict';
  const data = set.data === undefined || set.data === 'verdict' ? null : concatenated(set.data);
  return {
    name: set.name,
    flags: flagsOf(set),
    keyType: key.type,
    keyLength: key.length,
    dataType: isVerdict ? VERDICT_DATA_TYPE : (data?.type ?? 0),
    dataLength: data?.length ?? 0,
    timeout: set.timeout ?? 0,
    hasCounter: set.counter === true,
    typeof: typeofDigits(userdataOf(set)),
  };
}

/** Within a batch. `id`: any number that no other set of the batch has. A set that exists and is the same stays. */
export function encodeNewSet(table: NftablesTable, set: NftablesSet, id: number): NetlinkRequest {
  const { family } = table;
  const state = expectedState(set);
  const subject = describeSet(table, set.name);
  return nftRequest({ command: 'NEWSET', family, flags: NLM_F_CREATE, subject }, (writer) => {
    writer.text(NFTA_SET.TABLE, table.name).text(NFTA_SET.NAME, checkName('set', set.name));
    writer.u32BE(NFTA_SET.FLAGS, state.flags);
    writer.u32BE(NFTA_SET.KEY_TYPE, state.keyType).u32BE(NFTA_SET.KEY_LENGTH, state.keyLength);
    if (set.data !== undefined) {
      writer.u32BE(NFTA_SET.DATA_TYPE, state.dataType).u32BE(NFTA_SET.DATA_LENGTH, state.dataLength);
    }
    if ((state.flags & SET_FLAG.concatenation) !== 0) writeFieldLengths(writer, set.key);
    writer.u32BE(NFTA_SET.ID, id);
    if (set.timeout !== undefined) writer.u64BE(NFTA_SET.TIMEOUT, set.timeout);
    writer.bytes(NFTA_SET.USERDATA, userdataOf(set));
    if (set.counter === true) writeExpression(writer, NFTA_SET.EXPRESSION, { name: 'counter' });
  });
}

/** Interval lookups need to know where each field of the key ends. */
function writeFieldLengths(writer: PayloadWriter, key: readonly DataType[]): void {
  writer.nested(NFTA_SET.DESCRIPTION, () =>
    writer.nested(NFTA_SET_DESC_CONCAT, () => {
      for (const type of key) {
        writer.nested(NFTA_LIST_ELEMENT, () => writer.u32BE(NFTA_LIST_ELEMENT, DATA_TYPE[type].bytes));
      }
    }),
  );
}

function userdataOf(set: NftablesSet): Buffer {
  const { key, data, comment } = set;
  return encodeSetUserdata({
    isMap: data !== undefined,
    byteOrder: key.length === 1 ? 'big-endian' : 'none',
    ...(set.typeof === undefined ? {} : { keyTypeof: set.typeof.key }),
    ...(set.typeof?.data === undefined ? {} : { dataTypeof: set.typeof.data }),
    ...(comment === undefined ? {} : { comment }),
  });
}

/** Within a batch: with its elements; a set that a rule uses is EBUSY. */
export function encodeDeleteSet(table: NftablesTable, name: string): NetlinkRequest {
  const { family } = table;
  return nftRequest({ command: 'DELSET', family, subject: describeSet(table, name) }, (writer) =>
    writer.text(NFTA_SET.TABLE, table.name).text(NFTA_SET.NAME, checkName('set', name)),
  );
}

/** Sets and maps of one table, anonymous ones too. */
export function encodeListSets(table: NftablesTable): NetlinkRequest {
  return nftRequest({ command: 'GETSET', family: table.family }, (writer) =>
    writer.text(NFTA_SET.TABLE, table.name),
  );
}

export function decodeSet(message: NetlinkMessage): NftablesSetState | undefined {
  const family = familyOfMessage(message);
  if (!isMessage(message, 'NEWSET') || family === undefined) return undefined;
  const attributes = readAttributes(netfilterAttributes(message));
  const table = readText(attributes, NFTA_SET.TABLE);
  const name = readText(attributes, NFTA_SET.NAME);
  if (table === undefined || name === undefined) return undefined;
  const flags = readU32BE(attributes, NFTA_SET.FLAGS) ?? 0;
  const count = readU32BE(attributes, NFTA_SET.COUNT);
  const comment = decodeComment('set', attributes.get(NFTA_SET.USERDATA));
  return {
    table: { family, name: table },
    name,
    flags,
    ...readTypes(attributes),
    timeout: readU64BE(attributes, NFTA_SET.TIMEOUT) ?? 0,
    hasCounter: hasCounter(attributes),
    handle: readU64BE(attributes, NFTA_SET.HANDLE) ?? 0,
    typeof: typeofDigits(attributes.get(NFTA_SET.USERDATA)),
    ...(count === undefined ? {} : { count }),
    ...(comment === undefined ? {} : { comment }),
  };
}

function readTypes(attributes: Attributes) {
  const dataType = readU32BE(attributes, NFTA_SET.DATA_TYPE) ?? 0;
  return {
    keyType: readU32BE(attributes, NFTA_SET.KEY_TYPE) ?? 0,
    keyLength: readU32BE(attributes, NFTA_SET.KEY_LENGTH) ?? 0,
    dataType,
    // The kernel lists the size of its own structure for verdicts.
    dataLength: dataType === VERDICT_DATA_TYPE ? 0 : (readU32BE(attributes, NFTA_SET.DATA_LENGTH) ?? 0),
  };
}

function hasCounter(attributes: Attributes): boolean {
  const expression = attributes.get(NFTA_SET.EXPRESSION);
  return expression !== undefined && readExpression(expression).name === 'counter';
}

function describeSet({ family, name: table }: NftablesTable, name: string): string {
  return `set ${family} ${table} ${name}`;
}

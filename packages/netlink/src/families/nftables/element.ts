/** Elements of sets and maps. Keys and data are bytes, concatenated and padded as `set.ts` has the fields. */
import { align, NLA_HEADER_BYTES, NLM_F_CREATE, NLMSG_HEADER_BYTES } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest, RequestContext } from '../../codec/message.ts';
import { attributeEnd, attributeType, findAttribute, readAttributes, readText } from '../../codec/reader.ts';
import type { PayloadWriter } from '../../codec/writer.ts';
import { netfilterAttributes } from '../nfnetlink.ts';
import { NFTA_DATA, NFTA_ELEMENT, NFTA_ELEMENT_LIST, NFTA_LIST_ELEMENT } from './constants.ts';
import { readExpression } from './expression-codec.ts';
import { familyOfMessage, isMessage, nftRequest } from './message.ts';
import type { NftablesTable } from './table.ts';
import { decodeComment, encodeComment } from './userdata.ts';
import { type Data, readData, writeData } from './verdict.ts';

/** An element to add. */
export interface NftablesElement {
  /** Concatenated fields, each padded to a multiple of 4 bytes; one field alone is not padded. */
  readonly key: Uint8Array;
  /** Of an interval in one of the fields: the last key of it. */
  readonly keyEnd?: Uint8Array;
  /** Of a map. */
  readonly data?: Data;
  /** Listed by nft; at most 128 bytes are kept. */
  readonly comment?: string;
  /** Milliseconds, in sets with time-outs. */
  readonly timeout?: number;
  /** Milliseconds until it goes, at most its time-out. Written from Linux 5.3 on; default: the time-out. */
  readonly expiration?: number;
}

/** An element as the kernel lists it. */
export interface NftablesElementState extends NftablesElement {
  /** Where the set counts. */
  readonly counter?: { readonly packets: number; readonly bytes: number };
}

/**
 * Elements of one message. Their list may take 64 KB; but a refused message comes back whole, in a buffer that the kernel rounds
 * up to a power of two, and the receive buffer has to hold the refusals of a whole batch.
 */
const LIST_BYTES = 15_000;

/** Elements one after the other; a function that gives the next spares 100,000 of them the results of an iterator. */
export type ElementSource<T = NftablesElement> = Iterable<T> | (() => T | undefined);

function nextOf<T>(source: ElementSource<T>): () => T | undefined {
  if (typeof source === 'function') return source;
  const iterator = source[Symbol.iterator]();
  return () => {
    const { done, value } = iterator.next();
    return done === true ? undefined : value;
  };
}

/** Within a batch. An element that is there with the same data stays; with other data it is an error (EEXIST). */
export function encodeAddElements(
  table: NftablesTable,
  set: string,
  elements: ElementSource,
): readonly NetlinkRequest[] {
  return elementRequests({ command: 'NEWSETELEM', table, set, flags: NLM_F_CREATE }, elements);
}

/** Within a batch. An element that is not there is an error (ENOENT). */
export function encodeDeleteElements(
  table: NftablesTable,
  set: string,
  keys: ElementSource<Pick<NftablesElement, 'key' | 'keyEnd'>>,
): readonly NetlinkRequest[] {
  const shape = { command: 'DELSETELEM', table, set, flags: 0 } as const;
  return elementRequests(shape, keysOf(keys));
}

/** Data has no place in a deletion: the kernel would compare it. */
function keysOf(
  keys: ElementSource<Pick<NftablesElement, 'key' | 'keyEnd'>>,
): () => NftablesElement | undefined {
  const next = nextOf(keys);
  return () => {
    const element = next();
    if (element === undefined) return undefined;
    const { key, keyEnd } = element;
    return keyEnd === undefined ? { key } : { key, keyEnd };
  };
}

/** Within a batch: all elements. */
export function encodeFlushSet(table: NftablesTable, set: string): NetlinkRequest {
  const { family } = table;
  const subject = `elements of set ${family} ${table.name} ${set}`;
  return nftRequest({ command: 'DELSETELEM', family, subject }, (writer) =>
    writer.text(NFTA_ELEMENT_LIST.TABLE, table.name).text(NFTA_ELEMENT_LIST.SET, set),
  );
}

export function encodeListElements(table: NftablesTable, set: string): NetlinkRequest {
  return nftRequest({ command: 'GETSETELEM', family: table.family }, (writer) =>
    writer.text(NFTA_ELEMENT_LIST.TABLE, table.name).text(NFTA_ELEMENT_LIST.SET, set),
  );
}

interface ElementRequest {
  readonly command: 'NEWSETELEM' | 'DELSETELEM';
  readonly table: NftablesTable;
  readonly set: string;
  readonly flags: number;
}

function elementRequests(shape: ElementRequest, elements: ElementSource): readonly NetlinkRequest[] {
  const requests: NetlinkRequest[] = [];
  const next = nextOf(elements);
  let first = next();
  while (first !== undefined) {
    const [request, rest] = requestOf(shape, first, next);
    requests.push(request);
    first = rest;
  }
  return requests;
}

/** A message of `first` and as many others as it takes, and the one after these. */
function requestOf(
  { command, table, set, flags }: ElementRequest,
  first: NftablesElement,
  next: () => NftablesElement | undefined,
): readonly [NetlinkRequest, NftablesElement | undefined] {
  /** Where each element begins, from the beginning of their list. */
  const offsets: number[] = [];
  let start = 0;
  let element: NftablesElement | undefined = first;
  const request = nftRequest({ command, family: table.family, flags }, (writer) => {
    writer.text(NFTA_ELEMENT_LIST.TABLE, table.name).text(NFTA_ELEMENT_LIST.SET, set);
    writer.nested(NFTA_ELEMENT_LIST.ELEMENTS, () => {
      start = writer.length;
      while (element !== undefined && writer.length - start < LIST_BYTES) {
        offsets.push(writer.length - start);
        writeElement(writer, element);
        element = next();
      }
    });
  });
  const subject = `element of set ${table.family} ${table.name} ${set}`;
  const begin = NLMSG_HEADER_BYTES + start;
  const context: RequestContext = { subject, locate: (_, offset) => elementAt(offsets, offset, begin) };
  return [{ ...request, context }, element];
}

/** Index of the element in which the byte stands; `undefined` for one before the first: the set itself. */
function elementAt(offsets: readonly number[], byte: number | undefined, start: number): number | undefined {
  if (byte === undefined) return undefined;
  const index = offsets.findLastIndex((offset) => start + offset <= byte);
  return index === -1 ? undefined : index;
}

function writeElement(writer: PayloadWriter, element: NftablesElement): void {
  const { key, keyEnd, data, timeout, expiration, comment } = element;
  const start = writer.open();
  writeData(writer, NFTA_ELEMENT.KEY, key);
  if (keyEnd !== undefined) writeData(writer, NFTA_ELEMENT.KEY_END, keyEnd);
  if (data !== undefined) writeData(writer, NFTA_ELEMENT.DATA, data);
  if (timeout !== undefined) writer.u64BE(NFTA_ELEMENT.TIMEOUT, timeout);
  if (expiration !== undefined) writer.u64BE(NFTA_ELEMENT.EXPIRATION, expiration);
  if (comment !== undefined) writer.bytes(NFTA_ELEMENT.USERDATA, encodeComment('element', comment));
  writer.close(start, NFTA_LIST_ELEMENT);
}

/** Elements of one message of a dump. */
export function decodeElements(
  message: NetlinkMessage,
  { counters = true }: { readonly counters?: boolean } = {},
): readonly NftablesElementState[] | undefined {
  if (!isMessage(message, 'NEWSETELEM') || familyOfMessage(message) === undefined) return undefined;
  const attributes = readAttributes(netfilterAttributes(message));
  if (readText(attributes, NFTA_ELEMENT_LIST.SET) === undefined) return undefined;
  const elements: NftablesElementState[] = [];
  const list = attributes.get(NFTA_ELEMENT_LIST.ELEMENTS);
  if (list === undefined) return elements;
  let at = 0;
  for (let end = attributeEnd(list, at, list.length); end !== -1; end = attributeEnd(list, at, list.length)) {
    const element = readElement(list, { from: at + NLA_HEADER_BYTES, to: end, counters });
    if (element !== undefined) elements.push(element);
    at += align(end - at);
  }
  return elements;
}

type Draft = { -readonly [Field in keyof NftablesElementState]: NftablesElementState[Field] };

interface ElementPlace {
  readonly from: number;
  readonly to: number;
  readonly counters: boolean;
}

const NO_KEY = Buffer.alloc(0);

function readElement(bytes: Buffer, { from, to, counters }: ElementPlace): NftablesElementState | undefined {
  const draft: Draft = { key: NO_KEY };
  let at = from;
  for (let end = attributeEnd(bytes, at, to); end !== -1; end = attributeEnd(bytes, at, to)) {
    const type = attributeType(bytes, at);
    const value = at + NLA_HEADER_BYTES;
    if (type === NFTA_ELEMENT.KEY) assign(draft, 'key', findAttribute(bytes, NFTA_DATA.VALUE, value, end));
    else if (type === NFTA_ELEMENT.DATA) {
      const found = findAttribute(bytes, NFTA_DATA.VALUE, value, end);
      assign(draft, 'data', found ?? readData(bytes.subarray(value, end)));
    } else if (counters || type !== NFTA_ELEMENT.EXPRESSION)
      readRareField(draft, type, bytes.subarray(value, end));
    at += align(end - at);
  }
  return draft.key === NO_KEY ? undefined : draft;
}

/** Besides key and data: few elements have one. */
function readRareField(draft: Draft, type: number, value: Buffer): void {
  switch (type) {
    case NFTA_ELEMENT.KEY_END:
      return assign(draft, 'keyEnd', findAttribute(value, NFTA_DATA.VALUE, 0, value.length));
    case NFTA_ELEMENT.TIMEOUT:
      return assign(draft, 'timeout', readMilliseconds(value));
    case NFTA_ELEMENT.EXPIRATION:
      return assign(draft, 'expiration', readMilliseconds(value));
    case NFTA_ELEMENT.USERDATA:
      return assign(draft, 'comment', decodeComment('element', value));
    case NFTA_ELEMENT.EXPRESSION:
      return assign(draft, 'counter', readCounter(value));
    default:
  }
}

function assign<K extends keyof Draft>(draft: Draft, field: K, value: Draft[K] | undefined): void {
  if (value !== undefined) draft[field] = value;
}

function readMilliseconds(value: Buffer): number | undefined {
  return value.length < 8 ? undefined : Number(value.readBigUInt64BE());
}

function readCounter(bytes: Buffer): NftablesElementState['counter'] {
  const expression = readExpression(bytes);
  if (expression.name !== 'counter') return undefined;
  return { packets: expression.packets ?? 0, bytes: expression.bytes ?? 0 };
}

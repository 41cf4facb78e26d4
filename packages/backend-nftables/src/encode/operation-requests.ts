/** Operations as netlink requests, and batches that fit a datagram and the refusals that may come back. */
import type { Family } from '@signalbox/core';
import {
  encodeAddElements,
  encodeAppendRule,
  encodeDeleteChain,
  encodeDeleteElements,
  encodeDeleteSet,
  encodeDeleteTable,
  encodeFlushChain,
  encodeNewChain,
  encodeNewSet,
  encodeNewTable,
  type NetlinkRequest,
  type NftablesElement,
  type NftablesTable,
  replyCost,
  requestBytes,
} from '@signalbox/netlink';
import type { Entry, Operation } from '../objects/operation.ts';
import { type Chain, type Declarations, TABLE } from '../objects/ruleset.ts';
import { encodeRules, toNetlinkRule } from './chain-rules.ts';
import { createElementEncoder } from './element-bytes.ts';
import { nftFamily } from './rule-expressions.ts';

export interface EncodeContext {
  readonly family: Family;
  /** `TABLE`, but for a trial. */
  readonly table?: string;
  /** For the types of elements. */
  readonly sets: Declarations;
}

export function tableOf(family: Family, name: string = TABLE): NftablesTable {
  return { family: nftFamily(family), name };
}

/** Requests of which all or none must be taken. */
export type RequestGroup = readonly NetlinkRequest[];

/** Replacing an element takes two requests; so many elements go into a pair. */
const REPLACED_AT_ONCE = 100;

/** Ids of sets within one batch; the kernel requires one, and this backend refers to sets by name. */
const SET_ID = 1;

/** In order, each made when it is asked for: the bytes of a whole cluster are never held at once. */
export function* requestGroups(
  operations: Iterable<Operation>,
  context: EncodeContext,
): Generator<RequestGroup> {
  for (const operation of operations) yield* operationRequests(operation, context);
}

const COMMENT = 'Signalbox';

function operationRequests(operation: Operation, context: EncodeContext): Iterable<RequestGroup> {
  const table = tableOf(context.family, context.table);
  switch (operation.kind) {
    case 'add-table':
      return [[encodeNewTable(table, COMMENT)]];
    case 'wake-table':
      return [[encodeNewTable(table)]];
    case 'recreate-table':
      return [[encodeDeleteTable(table), encodeNewTable(table, COMMENT)]];
    case 'add-set':
      return [[encodeNewSet(table, operation.set, SET_ID)]];
    case 'delete-set':
      return [[encodeDeleteSet(table, operation.name)]];
    case 'recreate-set':
      return [recreatedSet(table, operation, context)];
    case 'add-chain':
      return [[encodeNewChain(table, operation.chain)]];
    case 'recreate-chain': {
      const { chain } = operation;
      const deleted = [encodeFlushChain(table, chain.name), encodeDeleteChain(table, chain.name)];
      return [[...deleted, encodeNewChain(table, chain), ...rules(table, chain, context)]];
    }
    case 'write-rules':
      return [[encodeFlushChain(table, operation.chain.name), ...rules(table, operation.chain, context)]];
    case 'flush-chain':
      return [[encodeFlushChain(table, operation.name)]];
    case 'delete-chain':
      return [[encodeDeleteChain(table, operation.name)]];
    case 'add-elements':
    case 'replace-elements':
    case 'delete-elements':
      return elementRequests(table, operation, context);
  }
}

function rules(table: NftablesTable, chain: Chain, { family }: EncodeContext): readonly NetlinkRequest[] {
  return encodeRules(chain.rules, (rule) => encodeAppendRule(table, chain.name, toNetlinkRule(rule, family)));
}

function recreatedSet(
  table: NftablesTable,
  { set, users }: Extract<Operation, { kind: 'recreate-set' }>,
  context: EncodeContext,
): RequestGroup {
  return [
    ...users.map(({ name }) => encodeFlushChain(table, name)),
    encodeDeleteSet(table, set.name),
    encodeNewSet(table, set, SET_ID),
    ...users.flatMap((chain) => rules(table, chain, context)),
  ];
}

type ElementOperation = Extract<Operation, { kind: 'add-elements' | 'replace-elements' | 'delete-elements' }>;

/** Elements that are encoded at a time; they fill some messages. */
const ENCODED_AT_ONCE = 1000;

function* elementRequests(
  table: NftablesTable,
  operation: ElementOperation,
  { sets }: EncodeContext,
): Generator<RequestGroup> {
  const set = sets.get(operation.set);
  if (set === undefined) throw new RangeError(`no such set: ${operation.set}`);
  const { name } = set;
  const encode = createElementEncoder(set);
  const [entries, size] = sizedEntries(operation);
  for (const part of slices(entries, size)) {
    const added =
      operation.kind === 'delete-elements' ? [] : encodeAddElements(table, name, encodeEach(encode, part));
    const deleted =
      operation.kind === 'add-elements' ? [] : encodeDeleteElements(table, name, encodeEach(encode, part));
    if (operation.kind === 'replace-elements') yield [...deleted, ...added];
    else for (const request of [...deleted, ...added]) yield [request];
  }
}

/** One at a time: the encoder reuses its memory. */
function encodeEach(
  encode: ReturnType<typeof createElementEncoder>,
  entries: readonly Entry[],
): () => NftablesElement | undefined {
  let index = 0;
  return () => {
    const entry = entries[index++];
    return entry === undefined ? undefined : encode(entry.key, entry.data);
  };
}

function sizedEntries(operation: ElementOperation): readonly [readonly Entry[], number] {
  if (operation.kind === 'replace-elements') return [operation.entries, REPLACED_AT_ONCE];
  if (operation.kind === 'add-elements') return [operation.entries, ENCODED_AT_ONCE];
  return [operation.keys.map((key) => ({ key, data: '' })), ENCODED_AT_ONCE];
}

function* slices<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}

/** A batch is one datagram. Without CAP_NET_ADMIN outside of user namespaces its size is limited to 208 KB. */
const BATCH_BYTES = 200_000;
/** Receive buffer that the refusals of a whole batch may take, of the 416 KB that the kernel gives to any process. */
const BATCH_REPLIES = 300_000;

/**
 * Batches in order. A group is never divided; one that is over the limits goes alone. Between two batches packets meet what the
 * earlier ones wrote.
 */
export function* batchesOf(groups: Iterable<RequestGroup>): Generator<readonly NetlinkRequest[]> {
  let batch: NetlinkRequest[] = [];
  let [bytes, replies] = [0, 0];
  for (const group of groups) {
    const groupBytes = group.reduce((sum, request) => sum + requestBytes(request), 0);
    const groupReplies = group.reduce((sum, request) => sum + replyCost(request), 0);
    const fits = bytes + groupBytes <= BATCH_BYTES && replies + groupReplies <= BATCH_REPLIES;
    if (!fits && batch.length > 0) {
      yield batch;
      batch = [];
      [bytes, replies] = [0, 0];
    }
    batch.push(...group);
    bytes += groupBytes;
    replies += groupReplies;
  }
  if (batch.length > 0) yield batch;
}

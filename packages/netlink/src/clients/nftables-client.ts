import { fail } from '@signalbox/core';
import type { NetlinkMessage, NetlinkRequest } from '../codec/message.ts';
import { encodeBatch } from '../families/nftables/batch.ts';
import { decodeChain, encodeListChains, type NftablesChainState } from '../families/nftables/chain.ts';
import {
  decodeElements,
  encodeListElements,
  type NftablesElementState,
} from '../families/nftables/element.ts';
import { decodeGeneration, encodeGetGeneration } from '../families/nftables/generation.ts';
import { generationOfMessage } from '../families/nftables/message.ts';
import {
  createRuleDecoder,
  decodeRuleIdentity,
  encodeListRules,
  type NftablesRuleIdentity,
  type NftablesRuleState,
} from '../families/nftables/rule.ts';
import { decodeSet, encodeListSets, type NftablesSetState } from '../families/nftables/set.ts';
import {
  decodeTable,
  encodeDeleteTable,
  encodeListTables,
  type NftablesTable,
  type NftablesTableState,
} from '../families/nftables/table.ts';
import { mapResult, type NetlinkResult } from '../result.ts';
import { type NetlinkOptions, openNetlink } from '../socket/open-netlink.ts';
import { openDumpSocket } from '../socket/datagram-socket.ts';
import type { NetlinkTransport } from '../socket/transport.ts';
import { completeItems, decodedAnswer, encoded } from './guard.ts';

/**
 * nf_tables of the network namespace this process is in, without the program nft. Nothing throws or rejects; a kernel
 * without nf_tables answers `unsupported`.
 */
export interface NftablesClient {
  /**
   * A number that every commit raises by one, whichever process and address family it is of; `iptables-nft` commits as `nft`
   * does, once for each table of its input. Listings and refused batches do not count. 32 bits wide.
   */
  generation(): Promise<NetlinkResult<number>>;
  /**
   * All requests or none. `generation`: what it has to be for the batch to be taken; else the error has the errno name
   * `ERESTART` and nothing was done. `index` of another error is the refused request, `item` the refused element in it.
   */
  commit(requests: readonly NetlinkRequest[], generation?: number): Promise<NetlinkResult<null>>;
  /** Of all families. */
  listTables(): Promise<NetlinkResult<readonly NftablesTableState[]>>;
  /** With all that is in it; `not-found` if there is no such table. */
  deleteTable(table: NftablesTable): Promise<NetlinkResult<null>>;
  /** The listings of one table are each of one generation; `busy` where commits of other processes prevented that. */
  listChains(table: NftablesTable): Promise<NetlinkResult<readonly NftablesChainState[]>>;
  /** In the order of each chain. */
  listRules(table: NftablesTable): Promise<NetlinkResult<readonly NftablesRuleState[]>>;
  /** As `listRules`, at a fraction of the cost. */
  listRuleIdentities(table: NftablesTable): Promise<NetlinkResult<readonly NftablesRuleIdentity[]>>;
  /** Sets and maps, anonymous ones too, without elements. */
  listSets(table: NftablesTable): Promise<NetlinkResult<readonly NftablesSetState[]>>;
  /** `not-found` if there is no such set. */
  listElements(table: NftablesTable, set: string): Promise<NetlinkResult<readonly NftablesElementState[]>>;
  /** As `listElements`, of a set that need not fit into memory: one value for each message of the listing. Default: without counters. */
  readElements<T>(
    table: NftablesTable,
    set: string,
    read: (elements: readonly NftablesElementState[]) => T,
    options?: { readonly counters?: boolean },
  ): Promise<NetlinkResult<readonly T[]>>;
  /** Closes both sockets; pending calls end with `unavailable`. */
  close(): void;
}

/**
 * A client over two nfnetlink sockets, each opened at its first use: one for commits and the generation, one for listings, in
 * larger datagrams. `transport` and `listing` replace them.
 */
export function createNftablesClient(
  options: NetlinkOptions = {},
  transport: NetlinkTransport = openNetlink('netfilter', options),
  listing: NetlinkTransport = openNetlink('netfilter', { open: openDumpSocket, ...options }),
): NftablesClient {
  return {
    generation: async () =>
      decodedAnswer('NFT_MSG_GETGEN', await transport.request(encodeGetGeneration()), decodeGeneration),
    commit: (requests, generation) => transport.transaction(encodeBatch(requests, generation)),
    deleteTable: async (table) => {
      const request = encoded('NFT_MSG_DELTABLE', () => encodeDeleteTable(table));
      return request.ok ? transport.transaction(encodeBatch([request.value])) : request;
    },
    ...objectListings(listing),
    ...elementListings(listing),
    close: () => {
      transport.close();
      listing.close();
    },
  };
}

type Listings<K extends keyof NftablesClient> = Pick<NftablesClient, K>;

function objectListings(
  listing: NetlinkTransport,
): Listings<'listTables' | 'listChains' | 'listRules' | 'listRuleIdentities' | 'listSets'> {
  const list = <T extends { readonly table: NftablesTable }>(
    table: NftablesTable,
    request: (table: NftablesTable) => NetlinkRequest,
    read: (message: NetlinkMessage) => T | undefined,
  ) =>
    ofTable(
      table,
      dumpOneGeneration(listing, () => request(table), read),
    );
  return {
    listTables: async () =>
      completeItems('NFT_MSG_GETTABLE', await listing.dump(encodeListTables(), decodeTable)),
    listChains: (table) => list(table, encodeListChains, decodeChain),
    listRules: (table) => list(table, encodeListRules, createRuleDecoder()),
    listRuleIdentities: (table) => list(table, encodeListRules, decodeRuleIdentity),
    listSets: (table) => list(table, encodeListSets, decodeSet),
  };
}

function elementListings(listing: NetlinkTransport): Listings<'listElements' | 'readElements'> {
  const list = <T>(table: NftablesTable, set: string, read: (message: NetlinkMessage) => T | undefined) =>
    dumpOneGeneration(listing, () => encodeListElements(table, set), read);
  return {
    listElements: async (table, set) =>
      mapResult(await list(table, set, (message) => decodeElements(message)), (lists) => lists.flat()),
    readElements: (table, set, read, { counters = false } = {}) =>
      list(table, set, (message) => {
        const elements = decodeElements(message, { counters });
        return elements === undefined ? undefined : read(elements);
      }),
  };
}

/** Chains are listed for all tables of a family. */
async function ofTable<T extends { readonly table: NftablesTable }>(
  { name }: NftablesTable,
  listing: Promise<NetlinkResult<readonly T[]>>,
): Promise<NetlinkResult<readonly T[]>> {
  return mapResult(await listing, (items) => items.filter(({ table }) => table.name === name));
}

/** A set of 100,000 elements is listed in 0.2 s; commits in a row may hit several tries. */
const TRIES = 8;

/** Repeats a listing until all of its messages are of one generation: `NLM_F_DUMP_INTR` is not set for elements. */
async function dumpOneGeneration<T>(
  transport: NetlinkTransport,
  encode: () => NetlinkRequest,
  read: (message: NetlinkMessage) => T | undefined,
): Promise<NetlinkResult<readonly T[]>> {
  const request = encoded('NFT_MSG_GET', encode);
  if (!request.ok) return request;
  const { operation } = request.value;
  for (let tries = 0; tries < TRIES; tries++) {
    const generations = new Set<number>();
    const dumped = await transport.dump(request.value, (message) => {
      const item = read(message);
      if (item !== undefined) generations.add(generationOfMessage(message));
      return item;
    });
    const items = completeItems(operation, dumped);
    if (!items.ok || generations.size <= 1) return items;
  }
  return fail({ code: 'busy', operation, message: 'the rule set kept changing while it was listed' });
}

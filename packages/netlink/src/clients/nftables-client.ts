import { encodeBatch } from '../families/nftables/batch.ts';
import { decodeGeneration, encodeGetGeneration } from '../families/nftables/generation.ts';
import {
  decodeTable,
  encodeDeleteTable,
  encodeListTables,
  type NftablesTable,
} from '../families/nftables/table.ts';
import type { NetlinkResult } from '../result.ts';
import { type NetlinkOptions, openNetlink } from '../socket/open-netlink.ts';
import type { NetlinkTransport } from '../socket/transport.ts';
import { completeItems, decodedAnswer, encoded } from './guard.ts';

/**
 * nf_tables of the network namespace this process is in, without the program nft. Nothing throws or rejects; a kernel
 * without nf_tables answers `unsupported`.
 */
export interface NftablesClient {
  /** Of all families. */
  listTables(): Promise<NetlinkResult<readonly NftablesTable[]>>;
  /** With all that is in it; `not-found` if there is no such table. */
  deleteTable(table: NftablesTable): Promise<NetlinkResult<null>>;
  /**
   * A number that every commit raises by one, whichever process and address family it is of; `iptables-nft` commits as `nft`
   * does, once for each table of its input. Listings and refused batches do not count. 32 bits wide.
   */
  generation(): Promise<NetlinkResult<number>>;
  close(): void;
}

export function createNftablesClient(
  options: NetlinkOptions = {},
  transport: NetlinkTransport = openNetlink('netfilter', options),
): NftablesClient {
  return {
    listTables: async () =>
      completeItems('NFT_MSG_GETTABLE', await transport.dump(encodeListTables(), decodeTable)),
    deleteTable: async (table) => {
      const request = encoded('NFT_MSG_DELTABLE', () => encodeDeleteTable(table));
      return request.ok ? transport.transaction(encodeBatch([request.value])) : request;
    },
    generation: async () =>
      decodedAnswer('NFT_MSG_GETGEN', await transport.request(encodeGetGeneration()), decodeGeneration),
    close: () => transport.close(),
  };
}

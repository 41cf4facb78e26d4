/** kube-proxy's nftables mode, as far as a node has to be cleaned of it. */
import { backendError, FAMILIES, type CleanupResult, type Family } from '@signalbox/core';
import {
  createNftablesClient,
  type NetlinkError,
  type NftablesClient,
  type NftablesTable,
} from '@signalbox/netlink';
import type { Cleaner, Leftovers } from './proxy-mode.ts';

export const NFTABLES: Leftovers = {
  name: 'nftables',
  platform: 'linux',
  cleaners: () => nftablesCleaners(),
};

/** The tables of nftables mode; kube-proxy's have the same names. */
const TABLES: Readonly<Record<Family, NftablesTable>> = {
  IPv4: { family: 'ip', name: 'kube-proxy' },
  IPv6: { family: 'ip6', name: 'kube-proxy' },
};

/** Over netlink: versions of nft up to 1.0.6 crash on newer ones' sets. */
export function nftablesCleaners(connect: () => NftablesClient = createNftablesClient): readonly Cleaner[] {
  return FAMILIES.map((family) => ({
    mode: 'nftables',
    family,
    clean: async () => {
      const client = connect();
      const result = await deleteTable(client, TABLES[family]);
      client.close();
      return result;
    },
  }));
}

const NOTHING_THERE: CleanupResult = { outcome: 'ok', removed: [] };

async function deleteTable(client: NftablesClient, table: NftablesTable): Promise<CleanupResult> {
  const { family, name } = table;
  const listed = await client.listTables();
  if (!listed.ok) return failure(listed.error);
  if (!listed.value.some((each) => each.family === family && each.name === name)) return NOTHING_THERE;
  const deleted = await client.deleteTable(table);
  return deleted.ok ? { outcome: 'ok', removed: [`table ${family} ${name}`] } : failure(deleted.error);
}

/** No table, or a kernel without nf_tables: nothing to remove. */
function failure({ code, operation, message }: NetlinkError): CleanupResult {
  if (code === 'not-found' || code === 'unsupported') return NOTHING_THERE;
  return { outcome: 'failed', error: backendError(code, operation, message) };
}

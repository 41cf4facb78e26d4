/**
 * Whether the kernel can write tables of nf_tables of a family. A kernel that has nf_tables but not this family answers each
 * listing with empty tables and status 0, and refuses only writes.
 */
import type { Family } from '@signalbox/core';
import {
  createNftablesClient,
  encodeDeleteTable,
  encodeNewTable,
  type NftablesClient,
  type NftablesTable,
} from '@signalbox/netlink';

/** A table of a family, as the nft variant names it. */
export function nftTable(family: Family, name: string): NftablesTable {
  return { family: family === 'IPv4' ? 'ip' : 'ip6', name };
}

/** Resolves to `false` only if the kernel refuses the family itself. */
export type HasNftFamily = (family: Family) => Promise<boolean>;

/**
 * A transaction that cannot succeed, so that the kernel keeps nothing of it, not even a raised generation: a table is created,
 * then a table is deleted that does not exist. The refused request shows whether the first one was accepted.
 */
export async function askNftFamily(client: Pick<NftablesClient, 'commit'>, family: Family): Promise<boolean> {
  const answer = await client.commit([
    encodeNewTable(nftTable(family, 'signalbox-probe')),
    encodeDeleteTable(nftTable(family, 'signalbox-probe-absent')),
  ]);
  // Without the permission, or without nf_tables, the program itself reports what is missing.
  return answer.ok || answer.error.index !== 0 || answer.error.code !== 'unsupported';
}

export async function hasNftFamily(family: Family): Promise<boolean> {
  const client = createNftablesClient();
  const answer = await askNftFamily(client, family);
  client.close();
  return answer;
}

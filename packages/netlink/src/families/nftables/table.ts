import { AF_UNSPEC, NLM_F_CREATE } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readText, readU32BE } from '../../codec/reader.ts';
import { netfilterAttributes, netfilterHeader, netfilterType } from '../nfnetlink.ts';
import { NFT_MSG, NFTA_TABLE, type NftablesFamily, TABLE_FLAG_DORMANT } from './constants.ts';
import { checkName, familyOfMessage, isMessage, nftRequest } from './message.ts';
import { encodeComment } from './userdata.ts';

/** Identity of a table: two families may have one of the same name. */
export interface NftablesTable {
  readonly family: NftablesFamily;
  readonly name: string;
}

/** A table as the kernel lists it. */
export interface NftablesTableState extends NftablesTable {
  /** No packet meets its chains. */
  readonly dormant?: true;
}

/** Tables of all families. */
export function encodeListTables(): NetlinkRequest {
  return {
    operation: 'NFT_MSG_GETTABLE',
    type: netfilterType('nftables', NFT_MSG.GETTABLE),
    flags: 0,
    payload: netfilterHeader(AF_UNSPEC),
  };
}

/** Within a batch. A table that exists stays as it is; one that is dormant no longer is. */
export function encodeNewTable(table: NftablesTable, comment?: string): NetlinkRequest {
  const shape = { command: 'NEWTABLE', family: table.family, subject: describeTable(table) } as const;
  return nftRequest({ ...shape, flags: NLM_F_CREATE }, (writer) => {
    writer.text(NFTA_TABLE.NAME, checkName('table', table.name)).u32BE(NFTA_TABLE.FLAGS, 0);
    if (comment !== undefined) writer.bytes(NFTA_TABLE.USERDATA, encodeComment('table', comment));
  });
}

/** Within a batch: with all that is in it. Never without a name: that would delete every table of the family. */
export function encodeDeleteTable(table: NftablesTable): NetlinkRequest {
  const shape = { command: 'DELTABLE', family: table.family, subject: describeTable(table) } as const;
  return nftRequest(shape, (writer) => writer.text(NFTA_TABLE.NAME, checkName('table', table.name)));
}

/** `undefined` for a table of a family that has no word here. */
export function decodeTable(message: NetlinkMessage): NftablesTableState | undefined {
  if (!isMessage(message, 'NEWTABLE')) return undefined;
  const family = familyOfMessage(message);
  const attributes = readAttributes(netfilterAttributes(message));
  const name = readText(attributes, NFTA_TABLE.NAME);
  if (family === undefined || name === undefined) return undefined;
  const isDormant = ((readU32BE(attributes, NFTA_TABLE.FLAGS) ?? 0) & TABLE_FLAG_DORMANT) !== 0;
  return isDormant ? { family, name, dormant: true } : { family, name };
}

function describeTable({ family, name }: NftablesTable): string {
  return `table ${family} ${name}`;
}

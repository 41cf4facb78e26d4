import { AF_UNSPEC, NLM_F_CREATE } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readText } from '../../codec/reader.ts';
import { netfilterAttributes, netfilterHeader, netfilterType } from '../nfnetlink.ts';
import { NFT_MSG, NFTA_TABLE, type NftablesFamily } from './constants.ts';
import { checkName, familyOfMessage, isMessage, nftRequest } from './message.ts';
import { encodeComment } from './userdata.ts';

/** Identity of a table: two families may have one of the same name. */
export interface NftablesTable {
  readonly family: NftablesFamily;
  readonly name: string;
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

/** Within a batch. A table that exists stays as it is. */
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
export function decodeTable(message: NetlinkMessage): NftablesTable | undefined {
  if (!isMessage(message, 'NEWTABLE')) return undefined;
  const family = familyOfMessage(message);
  const name = readText(readAttributes(netfilterAttributes(message)), NFTA_TABLE.NAME);
  return family === undefined || name === undefined ? undefined : { family, name };
}

function describeTable({ family, name }: NftablesTable): string {
  return `table ${family} ${name}`;
}

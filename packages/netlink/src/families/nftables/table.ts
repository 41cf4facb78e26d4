import { AF_UNSPEC } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readText } from '../../codec/reader.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import { netfilterAttributes, netfilterHeader, netfilterType } from '../nfnetlink.ts';
import { NAME_BYTES, NFPROTO, NFT_MSG, NFTA_TABLE, type NftablesFamily } from './constants.ts';

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

/** Within a batch: with all that is in it. Never without a name: that would delete every table of the family. */
export function encodeDeleteTable({ family, name }: NftablesTable): NetlinkRequest {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > NAME_BYTES)
    throw new RangeError(`table "${name}": a name has 1 to ${NAME_BYTES} bytes`);
  if (name.includes('\0')) throw new RangeError('a name of a table has no NUL');
  const header = netfilterHeader(NFPROTO[family]);
  return {
    operation: 'NFT_MSG_DELTABLE',
    type: netfilterType('nftables', NFT_MSG.DELTABLE),
    flags: 0,
    payload: new PayloadWriter().raw(header).text(NFTA_TABLE.NAME, name).finish(),
    context: { subject: `table ${family} ${name}` },
  };
}

/** `undefined` for a table of a family that has no word here. */
export function decodeTable(message: NetlinkMessage): NftablesTable | undefined {
  if (message.type !== netfilterType('nftables', NFT_MSG.NEWTABLE)) return undefined;
  const family = FAMILY_WORDS.get(message.payload[0] ?? AF_UNSPEC);
  const name = readText(readAttributes(netfilterAttributes(message)), NFTA_TABLE.NAME);
  return family === undefined || name === undefined ? undefined : { family, name };
}

const FAMILY_WORDS: ReadonlyMap<number, NftablesFamily> = new Map(
  Object.entries(NFPROTO).map(([word, number]) => [number, word as NftablesFamily]),
);

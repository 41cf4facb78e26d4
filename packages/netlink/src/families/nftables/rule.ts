import { NLM_F_APPEND, NLM_F_CREATE } from '../../codec/constants.ts';
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { readAttributes, readText, readU64BE } from '../../codec/reader.ts';
import { netfilterAttributes } from '../nfnetlink.ts';
import { NFTA_RULE } from './constants.ts';
import { readExpressions, writeExpressions } from './expression-codec.ts';
import type { Expression } from './expression.ts';
import { familyOfMessage, isMessage, nftRequest } from './message.ts';
import type { NftablesTable } from './table.ts';
import { decodeComment, encodeComment } from './userdata.ts';

export interface NftablesRule {
  readonly expressions: readonly Expression[];
  /** Listed by nft; at most 128 bytes are kept. */
  readonly comment?: string;
}

/** A rule as the kernel lists it. */
export interface NftablesRuleState extends NftablesRule {
  readonly table: NftablesTable;
  readonly chain: string;
  /** Identifies it as long as it exists. */
  readonly handle: number;
}

/** Within a batch: behind the rules that the chain has. */
export function encodeAppendRule(table: NftablesTable, chain: string, rule: NftablesRule): NetlinkRequest {
  const { family } = table;
  const subject = `rule in chain ${family} ${table.name} ${chain}`;
  const flags = NLM_F_CREATE | NLM_F_APPEND;
  return nftRequest({ command: 'NEWRULE', family, flags, subject, capacity: 1024 }, (writer) => {
    writer.text(NFTA_RULE.TABLE, table.name).text(NFTA_RULE.CHAIN, chain);
    writeExpressions(writer, NFTA_RULE.EXPRESSIONS, rule.expressions);
    if (rule.comment !== undefined) writer.bytes(NFTA_RULE.USERDATA, encodeComment('rule', rule.comment));
  });
}

/** Within a batch: all rules of the chain. */
export function encodeFlushChain(table: NftablesTable, chain: string): NetlinkRequest {
  const { family } = table;
  const subject = `chain ${family} ${table.name} ${chain}`;
  return nftRequest({ command: 'DELRULE', family, subject }, (writer) =>
    writer.text(NFTA_RULE.TABLE, table.name).text(NFTA_RULE.CHAIN, chain),
  );
}

/** Rules of one table. */
export function encodeListRules(table: NftablesTable): NetlinkRequest {
  return nftRequest({ command: 'GETRULE', family: table.family }, (writer) =>
    writer.text(NFTA_RULE.TABLE, table.name),
  );
}

export function decodeRule(message: NetlinkMessage): NftablesRuleState | undefined {
  const family = familyOfMessage(message);
  if (!isMessage(message, 'NEWRULE') || family === undefined) return undefined;
  const attributes = readAttributes(netfilterAttributes(message));
  const table = readText(attributes, NFTA_RULE.TABLE);
  const chain = readText(attributes, NFTA_RULE.CHAIN);
  if (table === undefined || chain === undefined) return undefined;
  const comment = decodeComment('rule', attributes.get(NFTA_RULE.USERDATA));
  return {
    table: { family, name: table },
    chain,
    handle: readU64BE(attributes, NFTA_RULE.HANDLE) ?? 0,
    expressions: readExpressions(attributes.get(NFTA_RULE.EXPRESSIONS)),
    ...(comment === undefined ? {} : { comment }),
  };
}

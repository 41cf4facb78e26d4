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

/** A rule to append to a chain. */
export interface NftablesRule {
  readonly expressions: readonly Expression[];
  /** Listed by nft; at most 128 bytes are kept. */
  readonly comment?: string;
}

/** Enough to see that a rule was added, replaced or deleted. */
export interface NftablesRuleIdentity {
  readonly table: NftablesTable;
  readonly chain: string;
  /** Identifies it as long as it exists. */
  readonly handle: number;
  /** Of all that is in the rule: one that is replaced in its place keeps the handle. */
  readonly digest: number;
}

/** A rule as the kernel lists it. */
export interface NftablesRuleState extends NftablesRule, NftablesRuleIdentity {}

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

/**
 * For the messages of one listing. Rules in a row whose expressions are equal bytes share one list: a chain tries its map up to ten
 * times with the same rule, and reading expressions is most of the cost of a rule.
 */
export function createRuleDecoder(): (message: NetlinkMessage) => NftablesRuleState | undefined {
  let bytes: Buffer = Buffer.alloc(0);
  let expressions: readonly Expression[] = [];
  return (message) => {
    const rule = readRule(message);
    if (rule === undefined) return undefined;
    const { identity, attributes } = rule;
    const listed = attributes.get(NFTA_RULE.EXPRESSIONS) ?? Buffer.alloc(0);
    if (!listed.equals(bytes)) {
      bytes = listed;
      expressions = readExpressions(listed);
    }
    const comment = decodeComment('rule', attributes.get(NFTA_RULE.USERDATA));
    return { ...identity, expressions, ...(comment === undefined ? {} : { comment }) };
  };
}

/** A fraction of the time of a complete rule: the expressions are not read. */
export function decodeRuleIdentity(message: NetlinkMessage): NftablesRuleIdentity | undefined {
  return readRule(message)?.identity;
}

function readRule(message: NetlinkMessage) {
  const family = familyOfMessage(message);
  if (!isMessage(message, 'NEWRULE') || family === undefined) return undefined;
  const bytes = netfilterAttributes(message);
  const attributes = readAttributes(bytes);
  const name = readText(attributes, NFTA_RULE.TABLE);
  const chain = readText(attributes, NFTA_RULE.CHAIN);
  if (name === undefined || chain === undefined) return undefined;
  const handle = readU64BE(attributes, NFTA_RULE.HANDLE) ?? 0;
  const identity: NftablesRuleIdentity = { table: { family, name }, chain, handle, digest: digestOf(bytes) };
  return { identity, attributes };
}

/** FNV-1a. */
function digestOf(bytes: Buffer): number {
  let digest = 0x811c_9dc5;
  // Without an iterator: each verification reads 1,000 rules.
  for (let at = 0; at < bytes.length; at++) digest = Math.imul(digest ^ (bytes[at] ?? 0), 0x0100_0193);
  return digest >>> 0;
}

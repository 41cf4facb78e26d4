/** Whether a chain holds the desired rules. Pure. */
import type { Family } from '@signalbox/core';
import { canonicalText, digestOf, encodeChain, type EncodedChain } from '../encode/encoded-chain.ts';
import { encodeRule } from '../encode/rule-text.ts';
import type { Chain } from '../objects/rule.ts';

/** The content of a chain in the kernel, by digest: its text is not kept. */
export interface HeldChain {
  /** The digest of the desired chain if both mean the same. */
  readonly digest: string;
  /** The digest of all listed rules, if a tolerated rule precedes those compared. */
  readonly listed?: string;
  /** Number of rules. */
  readonly rules: number;
}

/** A desired chain, and the chain of that name in the kernel. */
export interface ComparedChain {
  readonly desired: EncodedChain;
  /** `null`: the chain does not exist. */
  readonly held: HeldChain | null;
  readonly isSame: boolean;
}

/** `listed`: its rules as the tool lists them; `undefined`: the chain does not exist. */
export function compareChain(
  chain: Chain,
  listed: readonly string[] | undefined,
  family: Family,
): ComparedChain {
  const desired = encodeChain(chain, family);
  if (listed === undefined) return { desired, held: null, isSame: false };
  const compared = withoutTolerated(chain, listed, family);
  if (!isSame(desired, compared, family)) return { desired, held: heldChain(listed), isSame: false };
  const held = { digest: desired.digest, rules: listed.length };
  const isWhole = compared.length === listed.length;
  return { desired, held: isWhole ? held : { ...held, listed: digestOf(listed) }, isSame: true };
}

/** The listed rules of a chain as digest and count; `listed` is left out. */
export function heldChain(listed: readonly string[]): HeldChain {
  return { digest: digestOf(listed), rules: listed.length };
}

/** Whether the listed rules are those of the chain: identical, or with the same meaning. */
export function hasRules(
  { digest, listed: other }: HeldChain,
  listed: readonly string[],
  family: Family,
): boolean {
  const found = digestOf(listed);
  if (found === digest || found === other) return true;
  return digestOf(listed.map((text) => canonicalText(text, family))) === digest;
}

/** Whether a rule of this meaning is among those listed. */
export function includesRule(listed: readonly string[], desired: string, family: Family): boolean {
  return listed.some((text) => text === desired || canonicalText(text, family) === desired);
}

function isSame(desired: EncodedChain, listed: readonly string[], family: Family): boolean {
  if (desired.rules.length !== listed.length) return false;
  if (desired.rules.every((rule, index) => rule === listed[index])) return true;
  return digestOf(listed.map((text) => canonicalText(text, family))) === desired.digest;
}

/** The listed rules without the tolerated one at the head. */
function withoutTolerated(
  { tolerated }: Chain,
  listed: readonly string[],
  family: Family,
): readonly string[] {
  const [head, ...others] = listed;
  if (tolerated === undefined || head === undefined) return listed;
  return includesRule([head], encodeRule(tolerated, family), family) ? others : listed;
}

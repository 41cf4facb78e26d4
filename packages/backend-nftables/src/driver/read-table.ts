/** The table as the kernel holds it, all of one generation where other processes leave the time for that. */
import { backendError, fail, type Result, succeed } from '@signalbox/core';
import {
  type NetlinkResult,
  type NftablesChainState,
  type NftablesElementState,
  type NftablesRuleIdentity,
  type NftablesRuleState,
  type NftablesSetState,
  toResult,
} from '@signalbox/netlink';
import { ruleText } from '../encode/chain-rules.ts';
import { decodeElement } from '../encode/element-text.ts';
import { tableOf } from '../encode/operation-requests.ts';
import { observedSet } from '../encode/set-signature.ts';
import {
  isDynamic,
  isSameStructure,
  type IsExpected,
  type Observed,
  type ObservedChain,
  type ObservedElements,
  type Structure,
} from '../objects/observed.ts';
import type { SetDeclaration } from '../objects/ruleset.ts';
import type { Kernel } from './kernel.ts';

/** What a look at the structure needs, and reading the whole table begins with; `R`: how much of each rule. */
interface Parts<R extends NftablesRuleIdentity> {
  readonly exists: boolean;
  readonly dormant: boolean;
  readonly chains: readonly NftablesChainState[];
  readonly rules: readonly R[];
  readonly sets: readonly NftablesSetState[];
}

export function readStructure(kernel: Kernel): Promise<Result<Structure>> {
  const { client } = kernel;
  return sameGeneration(kernel, async (generation) => {
    const parts = await readParts(kernel, (table) => client.listRuleIdentities(table));
    return parts.ok ? succeed(structureOf(generation, parts.value)) : parts;
  });
}

export function observeTable(
  kernel: Kernel,
  desired: readonly SetDeclaration[],
  isExpected: IsExpected = () => false,
): Promise<Result<Observed>> {
  const { client } = kernel;
  const read = async (generation: number): Promise<NetlinkResult<Observed>> => {
    const parts = await readParts(kernel, (table) => client.listRules(table));
    if (!parts.ok) return parts;
    const held = new Set(parts.value.sets.map(({ name }) => name));
    const elements = await readElements(kernel, {
      sets: desired.filter(({ name }) => held.has(name)),
      isExpected,
    });
    return elements.ok ? succeed(observedOf(generation, parts.value, elements.value)) : elements;
  };
  return sameGeneration(kernel, read, (observed) => ofSameStructure(kernel, observed));
}

/** What was read while other processes committed, if none of the commits altered the structure; else `null`. */
async function ofSameStructure(kernel: Kernel, observed: Observed): Promise<Result<Observed | null>> {
  const structure = await readStructure(kernel);
  if (!structure.ok) return structure;
  if (!isSameStructure(structure.value, observed)) return succeed(null);
  return succeed({ ...observed, ...structure.value, quality: 'interrupted' });
}

type ListRules<R> = (table: ReturnType<typeof tableOf>) => Promise<NetlinkResult<readonly R[]>>;

async function readParts<R extends NftablesRuleIdentity>(
  { client, family }: Kernel,
  listRules: ListRules<R>,
): Promise<NetlinkResult<Parts<R>>> {
  const table = tableOf(family);
  const tables = await client.listTables();
  if (!tables.ok) return tables;
  const held = tables.value.find(({ name, family: of }) => name === table.name && of === table.family);
  if (held === undefined) {
    return { ok: true, value: { exists: false, dormant: false, chains: [], rules: [], sets: [] } };
  }
  const chains = await client.listChains(table);
  if (!chains.ok) return chains;
  const rules = await listRules(table);
  if (!rules.ok) return rules;
  const sets = await client.listSets(table);
  if (!sets.ok) return sets;
  const parts = { chains: chains.value, rules: rules.value, sets: sets.value };
  return { ok: true, value: { exists: true, dormant: held.dormant === true, ...parts } };
}

/** Several listings, repeated until no commit came between the first and the last. */
const TRIES = 8;
/** Tries in which no commit at all may come in between. Where other processes commit all the time, the reading has to end. */
const STRICT_TRIES = 4;

async function sameGeneration<T>(
  kernel: Kernel,
  read: (generation: number) => Promise<NetlinkResult<T>>,
  accept: (value: T) => Promise<Result<T | null>> = async () => succeed(null),
): Promise<Result<T>> {
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await kernel.client.generation();
    if (!before.ok) return toResult(before);
    const value = await read(before.value);
    // A table or set that was deleted while it was read.
    if (!value.ok && value.error.code !== 'not-found') return toResult(value);
    const after = await kernel.client.generation();
    if (!after.ok) return toResult(after);
    if (!value.ok) continue;
    if (after.value === before.value) return value;
    if (tries < STRICT_TRIES) continue;
    const accepted = await accept(value.value);
    if (!accepted.ok) return accepted;
    if (accepted.value !== null) return succeed(accepted.value);
  }
  const message = 'the rule set kept changing while it was listed';
  return fail(backendError('busy', 'NFT_MSG_GETRULE', message, { kernel: 'unchanged' }));
}

function structureOf(generation: number, { dormant, chains, rules, sets }: Parts<NftablesRuleIdentity>) {
  const identity = [
    dormant ? 'dormant' : 'active',
    ...chains.map(({ name, handle, base }) => `${name} ${handle} ${base?.policy ?? ''}`),
    ...rules.map(({ chain, handle, digest }) => `${chain} ${handle} ${digest}`),
    ...sets.map(({ name, handle }) => `${name} ${handle}`),
  ].join('\n');
  const counts = new Map<string, number>();
  for (const { name, count } of sets) if (count !== undefined && !isDynamic(name)) counts.set(name, count);
  return { generation, identity, counts };
}

function observedOf(
  generation: number,
  parts: Parts<NftablesRuleState>,
  elements: ObservedElements,
): Observed {
  const { exists, dormant, chains, rules, sets } = parts;
  const texts = textsByChain(rules);
  return {
    ...structureOf(generation, parts),
    quality: 'consistent',
    exists,
    dormant,
    chains: new Map(chains.map(({ name, base }) => [name, withBase({ rules: texts.get(name) ?? [] }, base)])),
    sets: new Map(sets.map((set) => [set.name, observedSet(set)])),
    elements,
  };
}

function textsByChain(rules: readonly NftablesRuleState[]): ReadonlyMap<string, readonly string[]> {
  const texts = new Map<string, string[]>();
  let last: NftablesRuleState | undefined;
  let text = '';
  for (const rule of rules) {
    const ofChain = texts.get(rule.chain) ?? [];
    texts.set(rule.chain, ofChain);
    // Of equal rules in a row, which the client lists with the same expressions, one text is made.
    if (rule.expressions !== last?.expressions || rule.comment !== last.comment) text = ruleText(rule);
    ofChain.push(text);
    last = rule;
  }
  return texts;
}

function withBase(chain: ObservedChain, base: ObservedChain['base']): ObservedChain {
  return base === undefined ? chain : { ...chain, base };
}

interface Reading {
  readonly sets: readonly SetDeclaration[];
  readonly isExpected: IsExpected;
}

async function readElements(
  { client, family }: Kernel,
  { sets, isExpected }: Reading,
): Promise<NetlinkResult<ObservedElements>> {
  const bySet = new Map<string, ReadonlyMap<string, string>>();
  let expected = 0;
  for (const set of sets) {
    const listed = await client.readElements(tableOf(family), set.name, (elements) =>
      sift(set, elements, isExpected),
    );
    if (!listed.ok) return listed;
    bySet.set(set.name, new Map(listed.value.flatMap(({ others }) => others)));
    expected += listed.value.reduce((sum, part) => sum + part.expected, 0);
  }
  return { ok: true, value: { bySet, expected } };
}

/** Elements of one message. */
function sift(set: SetDeclaration, elements: readonly NftablesElementState[], isExpected: IsExpected) {
  const others: (readonly [string, string])[] = [];
  let expected = 0;
  for (const element of elements) {
    const { key, data } = decodeElement(set, element);
    if (isExpected(set.name, key, data)) expected++;
    else others.push([key, data]);
  }
  return { others, expected };
}

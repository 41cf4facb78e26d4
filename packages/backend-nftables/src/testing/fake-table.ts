/** The table of a fake kernel: what operations do to it, with the refusals of nf_tables. Keeps state; a batch is all or nothing. */
import type { Verdict } from '@signalbox/netlink';
import { setSignature } from '../encode/set-signature.ts';
import type { Entry, Operation } from '../objects/operation.ts';
import type { Chain, SetDeclaration } from '../objects/ruleset.ts';
import type { Rule } from '../objects/rule.ts';

interface FakeSet {
  readonly declaration: SetDeclaration;
  readonly elements: Map<string, string>;
}

interface FakeChain {
  readonly chain: Chain;
  /** Differs from that of every other chain, also of one of the same name. */
  readonly handle: number;
}

export interface FakeTable {
  dormant: boolean;
  /** Within the batch that woke it. */
  waking: boolean;
  chains: Map<string, FakeChain>;
  sets: Map<string, FakeSet>;
}

/** `ENOENT`, `EEXIST`, `EBUSY`: as the kernel names the refusal. */
export class Refusal extends Error {
  readonly errnoName: 'ENOENT' | 'EEXIST' | 'EBUSY' | 'EINVAL';

  constructor(errnoName: Refusal['errnoName'], what: string) {
    super(`${errnoName}: ${what}`);
    this.errnoName = errnoName;
  }
}

export function emptyTable(): FakeTable {
  return { dormant: false, waking: false, chains: new Map(), sets: new Map() };
}

export function copyTable(table: FakeTable): FakeTable {
  return {
    dormant: table.dormant,
    waking: false,
    chains: new Map(table.chains),
    sets: new Map([...table.sets].map(([name, set]) => [name, { ...set, elements: new Map(set.elements) }])),
  };
}

/** Handles of all fake kernels: never the same twice. */
const handles = { last: 0 };

/** Throws a Refusal; the table is then half changed, and to be thrown away. */
export function applyOperation(table: FakeTable, operation: Operation): void {
  switch (operation.kind) {
    case 'add-table':
      return;
    case 'wake-table':
      return wake(table);
    case 'recreate-table':
      return void Object.assign(table, emptyTable());
    case 'add-set':
      return addSet(table, operation.set);
    case 'delete-set':
      return deleteSet(table, operation.name);
    case 'recreate-set':
      return recreateSet(table, operation);
    case 'add-chain':
      return addChain(table, operation.chain);
    case 'recreate-chain':
      deleteChain(table, operation.chain.name);
      addChain(table, operation.chain);
      return writeRules(table, operation.chain);
    case 'write-rules':
      return writeRules(table, operation.chain);
    case 'flush-chain':
      return writeRules(table, { name: operation.name, rules: [] });
    case 'delete-chain':
      return deleteChain(table, operation.name);
    case 'add-elements':
      return addElements(setOf(table, operation.set), operation.entries, table);
    case 'replace-elements':
      deleteElements(
        setOf(table, operation.set),
        operation.entries.map(({ key }) => key),
      );
      return addElements(setOf(table, operation.set), operation.entries, table);
    case 'delete-elements':
      return deleteElements(setOf(table, operation.set), operation.keys);
  }
}

function wake(table: FakeTable): void {
  table.dormant = false;
  table.waking = true;
}

function setOf({ sets }: FakeTable, name: string): FakeSet {
  const set = sets.get(name);
  if (set === undefined) throw new Refusal('ENOENT', `set ${name}`);
  return set;
}

function addSet({ sets }: FakeTable, declaration: SetDeclaration): void {
  const held = sets.get(declaration.name);
  if (held === undefined) sets.set(declaration.name, { declaration, elements: new Map() });
  else if (setSignature(held.declaration) !== setSignature(declaration)) {
    throw new Refusal('EEXIST', `set ${declaration.name}`);
  }
}

function deleteSet(table: FakeTable, name: string): void {
  setOf(table, name);
  const users = [...table.chains.values()].filter(({ chain }) =>
    chain.rules.some((rule) => uses(rule, name)),
  );
  if (users.length > 0) throw new Refusal('EBUSY', `set ${name}`);
  table.sets.delete(name);
}

function recreateSet(table: FakeTable, { set, users }: Extract<Operation, { kind: 'recreate-set' }>): void {
  for (const { name } of users) writeRules(table, { name, rules: [] });
  deleteSet(table, set.name);
  addSet(table, set);
  for (const chain of users) writeRules(table, chain);
}

function uses({ matches, statements }: Rule, set: string): boolean {
  return [...matches, ...statements].some(
    (part) => ('set' in part && part.set === set) || ('map' in part && part.map === set),
  );
}

function addChain({ chains, waking }: FakeTable, chain: Chain): void {
  const held = chains.get(chain.name);
  if (waking && chain.base !== undefined) throw new Refusal('EINVAL', `chain ${chain.name}`);
  if (held === undefined) {
    const { name, base } = chain;
    chains.set(name, {
      chain: { name, rules: [], ...(base === undefined ? {} : { base }) },
      handle: ++handles.last,
    });
    return;
  }
  if (JSON.stringify(held.chain.base) !== JSON.stringify(chain.base)) {
    throw new Refusal('EEXIST', `chain ${chain.name}`);
  }
}

function writeRules(table: FakeTable, { name, rules }: Chain): void {
  const held = table.chains.get(name);
  if (held === undefined) throw new Refusal('ENOENT', `chain ${name}`);
  for (const { matches, statements } of rules) {
    for (const part of [...matches, ...statements]) {
      if ('set' in part) setOf(table, part.set);
      if ('map' in part) setOf(table, part.map);
      if ('verdict' in part) checkVerdict(table, part.verdict);
    }
  }
  table.chains.set(name, { chain: { ...held.chain, rules }, handle: ++handles.last });
}

function checkVerdict({ chains }: FakeTable, verdict: Verdict): void {
  if ('chain' in verdict && !chains.has(verdict.chain)) throw new Refusal('ENOENT', `chain ${verdict.chain}`);
}

function deleteChain(table: FakeTable, name: string): void {
  if (!table.chains.has(name)) throw new Refusal('ENOENT', `chain ${name}`);
  const inRules = [...table.chains.values()].some(({ chain }) => leadsTo(chain, name) && chain.name !== name);
  const inMaps = [...table.sets.values()].some(({ elements }) =>
    [...elements.values()].includes(`goto ${name}`),
  );
  if (inRules || inMaps) throw new Refusal('EBUSY', `chain ${name}`);
  table.chains.delete(name);
}

function leadsTo({ rules }: Chain, name: string): boolean {
  return rules.some(({ statements }) =>
    statements.some(
      (statement) =>
        statement.kind === 'verdict' && 'chain' in statement.verdict && statement.verdict.chain === name,
    ),
  );
}

function addElements(set: FakeSet, entries: readonly Entry[], { chains }: FakeTable): void {
  for (const { key, data } of entries) {
    const held = set.elements.get(key);
    if (held !== undefined && held !== data) throw new Refusal('EEXIST', `element ${key}`);
    if (data.startsWith('goto ') && !chains.has(data.slice(5))) throw new Refusal('ENOENT', data);
    set.elements.set(key, data);
  }
}

function deleteElements(set: FakeSet, keys: readonly string[]): void {
  for (const key of keys) {
    if (!set.elements.delete(key)) throw new Refusal('ENOENT', `element ${key}`);
  }
}

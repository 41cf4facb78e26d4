/** A packet through the chains of one hook: every way it can go. */
import { hashSlot } from './jenkins-hash.ts';
import { anyCidrContains, isLoopback } from '@signalbox/core';
import type { TracedPacket } from '@signalbox/core/testing';
import type { Field, Match, Rule, Statement } from '../objects/rule.ts';
import type { FakeTable } from './fake-table.ts';

/** `continue`: at the end of a chain. `accept`: no further rule of the hook. */
type TraceVerdict = 'continue' | 'accept' | 'drop' | 'reject';

export interface Branch {
  readonly verdict: TraceVerdict;
  readonly packet: TracedPacket;
  /** Share of all packets. */
  readonly probability: number;
}

export interface Evaluation {
  readonly table: FakeTable;
  /** The node's own addresses. */
  readonly addresses: readonly string[];
  /** Follow every way, or choose by this number. */
  readonly chance: 'all' | (() => number);
  /** Set → clients in it; `null`: nothing is remembered, and no set knows a client. */
  readonly memory: Map<string, Set<string>> | null;
}

/** Deeper jumps are refused by the kernel. */
const DEPTH_LIMIT = 16;

export function evaluateChain(
  evaluation: Evaluation,
  name: string,
  start: Branch,
  depth = 0,
): readonly Branch[] {
  const held = evaluation.table.chains.get(name);
  if (held === undefined) throw new Error(`a verdict names chain ${name}, which does not exist`);
  if (depth > DEPTH_LIMIT) throw new Error(`chains are nested too deeply at ${name}`);
  let going: readonly Branch[] = [start];
  const done: Branch[] = [];
  for (const rule of held.chain.rules) {
    const steps = going.map((branch) => takeRule(evaluation, rule, branch, depth));
    done.push(...steps.flatMap((step) => step.done));
    going = steps.flatMap((step) => step.going);
    if (going.length === 0) break;
  }
  return [...done, ...going];
}

interface Step {
  /** Left the chain. */
  readonly done: readonly Branch[];
  /** Goes on with the next rule. */
  readonly going: readonly Branch[];
}

function takeRule(evaluation: Evaluation, rule: Rule, branch: Branch, depth: number): Step {
  const { hit, missed } = matchAll(evaluation, rule.matches, branch);
  let step: Step = { done: [], going: missed };
  let current: readonly Branch[] = hit;
  for (const statement of rule.statements) {
    const parts = current.map((each) => takeStatement(evaluation, statement, each, depth));
    step = {
      done: [...step.done, ...parts.flatMap((part) => part.done)],
      going: [...step.going, ...parts.flatMap((part) => part.missed)],
    };
    current = parts.flatMap((part) => part.going);
  }
  return { done: step.done, going: [...step.going, ...current] };
}

function matchAll(evaluation: Evaluation, matches: readonly Match[], branch: Branch) {
  const missed: Branch[] = [];
  let hit: readonly Branch[] = [branch];
  for (const match of matches) {
    const next: Branch[] = [];
    for (const each of hit) {
      const share = matchShare(evaluation, match, each.packet);
      if (share > 0) next.push({ ...each, probability: each.probability * share });
      if (share < 1) missed.push({ ...each, probability: each.probability * (1 - share) });
    }
    hit = next;
  }
  return { hit, missed };
}

/** 0 or 1, but for rules of chance. */
function matchShare(evaluation: Evaluation, match: Match, packet: TracedPacket): number {
  if (match.kind === 'one-in') {
    const { chance } = evaluation;
    if (chance === 'all') return 1 / match.modulus;
    return chance() < 1 / match.modulus ? 1 : 0;
  }
  const inverted = 'inverted' in match && match.inverted;
  return holds(evaluation, match, packet) === inverted ? 0 : 1;
}

function holds(
  { addresses, table, memory }: Evaluation,
  match: Exclude<Match, { kind: 'one-in' }>,
  packet: TracedPacket,
): boolean {
  switch (match.kind) {
    case 'ct-new':
      return true;
    case 'ct-dnat':
      return packet.translated;
    case 'mark':
      return (packet.mark & match.mask) !== 0;
    case 'address':
      return match.cidr.endsWith('/0') || anyCidrContains([asCidr(match.cidr)], valueOf(match.field, packet));
    case 'in-interface': {
      const { inInterface } = packet;
      if (inInterface === null) return false;
      return match.prefix === true ? inInterface.startsWith(match.name) : inInterface === match.name;
    }
    case 'local-address':
      return isNodeAddress(valueOf(match.field, packet), addresses);
    case 'protocol':
      return packet.protocol === match.protocol;
    case 'in-set': {
      const key = keyOf(match.key, packet);
      if (memory?.get(match.set)?.has(key) === true) return true;
      return isElement(table, match.set, key);
    }
  }
}

function asCidr(text: string): string {
  if (text.includes('/')) return text;
  return `${text}/${text.includes(':') ? 128 : 32}`;
}

export function isNodeAddress(address: string, addresses: readonly string[]): boolean {
  return isLoopback(address) || addresses.includes(address);
}

/** An element of an interval set contains every key whose last field is in its range. */
function isElement({ sets }: FakeTable, name: string, key: string): boolean {
  const set = sets.get(name);
  if (set === undefined) throw new Error(`a rule names set ${name}, which does not exist`);
  if (set.declaration.flags?.includes('interval') !== true) return set.elements.has(key);
  const border = key.lastIndexOf(' . ');
  const [head, last] = [key.slice(0, border + 3), key.slice(border + 3)];
  return [...set.elements.keys()].some(
    (element) => element.startsWith(head) && anyCidrContains([asCidr(element.slice(head.length))], last),
  );
}

function keyOf(key: readonly Field[], packet: TracedPacket): string {
  return key.map((field) => valueOf(field, packet)).join(' . ');
}

function valueOf(field: Field, { source, destination, protocol, destinationPort }: TracedPacket): string {
  switch (field) {
    case 'saddr':
      return source;
    case 'daddr':
      return destination;
    case 'l4proto':
      return protocol;
    case 'dport':
      return String(destinationPort);
  }
}

interface StatementStep extends Step {
  /** The statement broke the rule: the next rule follows. */
  readonly missed: readonly Branch[];
}

function takeStatement(
  evaluation: Evaluation,
  statement: Statement,
  branch: Branch,
  depth: number,
): StatementStep {
  const { packet } = branch;
  const on = (change: Partial<TracedPacket>): StatementStep => ({
    done: [],
    going: [{ ...branch, packet: { ...packet, ...change } }],
    missed: [],
  });
  switch (statement.kind) {
    case 'set-mark':
      return on({ mark: (packet.mark | statement.mask) >>> 0 });
    case 'flip-mark':
      return on({ mark: (packet.mark ^ statement.mask) >>> 0 });
    case 'update-set':
      remember(evaluation, statement.set, packet.source);
      return on({});
    case 'masquerade':
      return end(branch, 'accept', { masqueraded: true });
    case 'reject':
      return end(branch, 'reject');
    case 'dnat':
      return end(branch, 'accept', translatedTo(statement.address, statement.port));
    case 'dnat-map':
      return translateByMap(evaluation, statement, branch);
    case 'verdict-map':
      return verdictByMap(evaluation, statement, branch, depth);
    case 'verdict':
      return takeVerdict(evaluation, verdictText(statement.verdict), branch, depth);
  }
}

function remember({ memory }: Evaluation, set: string, client: string): void {
  memory?.set(set, (memory.get(set) ?? new Set<string>()).add(client));
}

function end(branch: Branch, verdict: TraceVerdict, change: Partial<TracedPacket> = {}): StatementStep {
  return { done: [{ ...branch, verdict, packet: { ...branch.packet, ...change } }], going: [], missed: [] };
}

function translatedTo(destination: string, destinationPort: number): Partial<TracedPacket> {
  return { destination, destinationPort, translated: true };
}

function verdictText(verdict: Extract<Statement, { kind: 'verdict' }>['verdict']): string {
  return 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
}

function slotsFor(
  { slots, seed }: Extract<Statement, { kind: 'dnat-map' }>,
  client: string,
  chance: Evaluation['chance'],
): readonly number[] {
  if (seed !== undefined) return [hashSlot(client, seed, slots)];
  return chance === 'all' ? Array.from({ length: slots }, (_, slot) => slot) : [Math.floor(chance() * slots)];
}

/** A slot without an element breaks the rule. */
function translateByMap(
  { table, chance }: Evaluation,
  statement: Extract<Statement, { kind: 'dnat-map' }>,
  branch: Branch,
): StatementStep {
  const { key, map } = statement;
  const elements = table.sets.get(map)?.elements;
  const frontend = keyOf(key, branch.packet);
  const candidates = slotsFor(statement, branch.packet.source, chance);
  const steps = candidates.map((slot): StatementStep => {
    const part = { ...branch, probability: branch.probability / candidates.length };
    const endpoint = elements?.get(`${frontend} . ${slot}`);
    if (endpoint === undefined) return { done: [], going: [], missed: [part] };
    const [address = '', port = ''] = endpoint.split(' . ');
    return end(part, 'accept', translatedTo(address, Number(port)));
  });
  const missed = steps.flatMap((step) => step.missed);
  const share = missed.reduce((sum, each) => sum + each.probability, 0);
  return {
    done: steps.flatMap((step) => step.done),
    going: [],
    missed: share === 0 ? [] : [{ ...branch, probability: share }],
  };
}

function verdictByMap(
  evaluation: Evaluation,
  { key, map }: Extract<Statement, { kind: 'verdict-map' }>,
  branch: Branch,
  depth: number,
): StatementStep {
  const data = evaluation.table.sets.get(map)?.elements.get(keyOf(key, branch.packet));
  if (data === undefined) return { done: [], going: [], missed: [branch] };
  return takeVerdict(evaluation, data, branch, depth);
}

function takeVerdict(evaluation: Evaluation, text: string, branch: Branch, depth: number): StatementStep {
  const [kind = '', chain = ''] = text.split(' ');
  if (kind === 'drop' || kind === 'accept') return end(branch, kind);
  if (kind === 'return') return end(branch, 'continue');
  const ways = evaluateChain(evaluation, chain, { ...branch, verdict: 'continue' }, depth + 1);
  if (kind === 'goto') return { done: ways, going: [], missed: [] };
  const isBack = ({ verdict }: Branch): boolean => verdict === 'continue';
  return { done: ways.filter((way) => !isBack(way)), going: ways.filter(isBack), missed: [] };
}

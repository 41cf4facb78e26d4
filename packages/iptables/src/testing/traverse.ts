/** The traversal of one hook of one table by a packet: every possible path. */
import type { Rule, TypedRule } from '../objects/rule.ts';
import type { Target } from '../objects/target.ts';
import { matches, type TracedPacket, type World } from './match-packet.ts';

/** How a path through a chain ends. `return`: its last rule was passed, or a rule returned. */
export type Verdict = 'accept' | 'drop' | 'reject' | 'return';

/** One of the paths, with its share of all packets. */
export interface Branch {
  readonly verdict: Verdict;
  readonly packet: TracedPacket;
  readonly probability: number;
}

/** The rules of one table. */
export interface Ruleset {
  /** Rules of a chain; `undefined` if the chain does not exist. */
  chain(name: string): readonly Rule[] | undefined;
}

/** The decision at `-m statistic`: follow both paths, or choose at random. */
export type Chance = 'both' | (() => number);

/** The table that a packet traverses, and the conditions of the traversal. */
export interface Traversal {
  readonly rules: Ruleset;
  readonly world: World;
  readonly chance: Chance;
}

/** Deeper jumps than this mean a loop, which the kernel refuses. */
const DEPTH_LIMIT = 64;

/** Every path from `chain`, a hook or user-defined; opaque rules are skipped. Throws if a jump leads to no chain or in a circle. */
export function traverse(traversal: Traversal, chain: string, packet: TracedPacket): readonly Branch[] {
  return walk(traversal, chain, { verdict: 'return', packet, probability: 1 }, 0);
}

function walk(traversal: Traversal, chain: string, start: Branch, depth: number): readonly Branch[] {
  const rules = traversal.rules.chain(chain);
  if (rules === undefined) throw new Error(`a rule jumps to ${chain}, which does not exist`);
  if (depth > DEPTH_LIMIT) throw new Error(`chains jump in a circle at ${chain}`);
  const done: Branch[] = [];
  let going: Branch[] = [start];
  for (const rule of rules) {
    const next: Branch[] = [];
    for (const branch of going) {
      const step = takeRule(traversal, rule, branch, depth);
      done.push(...step.done);
      next.push(...step.going);
    }
    going = next;
    if (going.length === 0) break;
  }
  return [...done, ...going];
}

interface Step {
  /** Left the chain. */
  readonly done: readonly Branch[];
  /** Continues with the next rule. */
  readonly going: readonly Branch[];
}

function takeRule(traversal: Traversal, rule: Rule, branch: Branch, depth: number): Step {
  if (rule.kind === 'opaque') return { done: [], going: [branch] };
  const share = matchShare(traversal, rule, branch.packet);
  const missed = share < 1 ? [{ ...branch, probability: branch.probability * (1 - share) }] : [];
  if (share === 0) return { done: [], going: missed };
  const hit = { ...branch, probability: branch.probability * share };
  const step = takeTarget(traversal, rule.target, hit, depth);
  return { done: step.done, going: [...step.going, ...missed] };
}

/** The share of such packets that match: 0 or 1 except for `statistic` rules. */
function matchShare({ world, chance }: Traversal, rule: TypedRule, packet: TracedPacket): number {
  let share = 1;
  for (const match of rule.matches) {
    const answer = matches(match, packet, world);
    if (answer === false) return 0;
    if (answer === true) continue;
    if (chance === 'both') share *= answer.probability;
    else if (chance() >= answer.probability) return 0;
  }
  return share;
}

function takeTarget(traversal: Traversal, target: Target, branch: Branch, depth: number): Step {
  const end = (verdict: Verdict, change: Partial<TracedPacket> = {}): Step => ({
    done: [{ ...branch, verdict, packet: { ...branch.packet, ...change } }],
    going: [],
  });
  switch (target.kind) {
    case 'none':
      return { done: [], going: [branch] };
    case 'mark': {
      const mark = ((branch.packet.mark & ~target.mask) ^ target.value) >>> 0;
      return { done: [], going: [{ ...branch, packet: { ...branch.packet, mark } }] };
    }
    case 'jump': {
      const ways = walk(traversal, target.chain, branch, depth + 1);
      const isBack = (way: Branch): boolean => way.verdict === 'return';
      return { done: ways.filter((way) => !isBack(way)), going: ways.filter(isBack) };
    }
    case 'goto':
      return { done: walk(traversal, target.chain, branch, depth + 1), going: [] };
    case 'dnat':
      return end('accept', { destination: target.address, destinationPort: target.port, translated: true });
    case 'masquerade':
      return end('accept', { masqueraded: true });
    case 'accept':
    case 'drop':
    case 'reject':
    case 'return':
      return end(target.kind);
  }
}

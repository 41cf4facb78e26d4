/** The traversal of netfilter by the first packet of a connection, over typed rules. */
import type { Outcome, Packet } from '@signalbox/core';
import { atStart, outcomeOf } from '@signalbox/core/testing';
import type { TableName } from '../objects/rule.ts';
import { isNodeAddress, type TracedPacket, type World } from './match-packet.ts';
import { traverse, type Branch, type Chance, type Ruleset } from './traverse.ts';

/** The rules of each table, the state outside of rules, and the decision at `-m statistic`. */
export interface TraceInput {
  /** The chains of a table. */
  readonly rules: (table: TableName) => Ruleset;
  readonly world: World;
  readonly chance: Chance;
}

/** Paths with a lower probability are rounding errors of the kernel's probabilities. */
const NEVER = 1e-6;

/** The packet before the first hook. */
export function tracedPacket(packet: Packet): TracedPacket {
  return { ...atStart(packet), sourcePort: 40_000, outInterface: null };
}

/** Every possible outcome for the packet; with `chance` a function, the outcome that it chooses. */
export function tracePacket(input: TraceInput, packet: Packet): Outcome {
  const start = tracedPacket(packet);
  const own = packet.inInterface === null;
  const translated = hook(input, 'nat', own ? 'OUTPUT' : 'PREROUTING', [
    { packet: start, probability: 1, verdict: 'accept' },
  ]);
  const ends = translated.flatMap((branch) => routed(input, branch, own));
  return outcomeOf(ends.filter((branch) => branch.probability > NEVER));
}

/** After the translation of the destination: filter for the new destination, then the translation of the source. */
function routed(input: TraceInput, branch: Branch, own: boolean): readonly Branch[] {
  const toNode = isNodeAddress(branch.packet.destination, input.world);
  if (!own) {
    const filtered = hook(input, 'filter', toNode ? 'INPUT' : 'FORWARD', [branch]);
    return toNode ? filtered : hook(input, 'nat', 'POSTROUTING', filtered);
  }
  const left = hook(input, 'nat', 'POSTROUTING', hook(input, 'filter', 'OUTPUT', [branch]));
  // Packets from the node to itself come in again, over the loopback interface.
  return toNode ? hook(input, 'filter', 'INPUT', left.map(arrived)) : left;
}

function arrived(branch: Branch): Branch {
  return { ...branch, packet: { ...branch.packet, inInterface: 'lo' } };
}

/** Branches that have ended stay ended. The policy of every hook is ACCEPT. */
function hook(
  input: TraceInput,
  table: TableName,
  chain: string,
  branches: readonly Branch[],
): readonly Branch[] {
  const { world, chance } = input;
  return branches.flatMap((branch) => {
    if (branch.verdict !== 'accept') return [branch];
    return traverse({ rules: input.rules(table), world, chance }, chain, branch.packet).map((way) => ({
      packet: way.packet,
      probability: branch.probability * way.probability,
      verdict: way.verdict === 'return' ? ('accept' as const) : way.verdict,
    }));
  });
}

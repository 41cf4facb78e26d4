/** The first packet of a connection through all hooks of the table. */
import type { Outcome, Packet } from '@signalbox/core';
import { atStart, outcomeOf } from '@signalbox/core/testing';
import { type Branch, evaluateChain, type Evaluation, isNodeAddress } from './evaluate-rules.ts';

/** Rarer ways are rounding errors. */
const NEVER = 1e-9;

const HOOKS = {
  prerouting: ['filter-prerouting-pre-dnat', 'nat-prerouting'],
  output: ['filter-output-pre-dnat', 'nat-output', 'filter-output'],
  input: ['filter-input'],
  forward: ['filter-forward'],
  postrouting: ['nat-postrouting'],
} as const;

export function tracePacket(evaluation: Evaluation, packet: Packet): Outcome {
  const isOwn = packet.inInterface === null;
  const first: Branch = { verdict: 'continue', packet: atStart(packet), probability: 1 };
  const arrived = through(evaluation, isOwn ? 'output' : 'prerouting', [first]);
  const ends = arrived.flatMap((branch) => routed(evaluation, branch, isOwn));
  return outcomeOf(ends.filter(({ probability }) => probability > NEVER));
}

/** Behind the translation of the destination. What the node sends to itself comes in again, over the loopback interface. */
function routed(evaluation: Evaluation, branch: Branch, isOwn: boolean): readonly Branch[] {
  const toNode = isNodeAddress(branch.packet.destination, evaluation.addresses);
  if (!isOwn) {
    const filtered = through(evaluation, toNode ? 'input' : 'forward', [branch]);
    return toNode ? filtered : through(evaluation, 'postrouting', filtered);
  }
  const left = through(evaluation, 'postrouting', [branch]);
  if (!toNode) return left;
  return through(
    evaluation,
    'input',
    left.map((each) => ({ ...each, packet: { ...each.packet, inInterface: 'lo' } })),
  );
}

/** A packet that was stopped stays stopped; the policy of every base chain is accept. */
function through(
  evaluation: Evaluation,
  hook: keyof typeof HOOKS,
  branches: readonly Branch[],
): readonly Branch[] {
  const chains: readonly string[] = HOOKS[hook].filter((name) => evaluation.table.chains.has(name));
  return chains.reduce<readonly Branch[]>(
    (going, chain) =>
      going.flatMap((branch) => {
        if (branch.verdict === 'drop' || branch.verdict === 'reject') return [branch];
        return evaluateChain(evaluation, chain, { ...branch, verdict: 'continue' });
      }),
    branches,
  );
}

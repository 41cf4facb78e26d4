/** What `status`, `describe`, `explain` and `diff` of a cluster have in common. */
import type { Result } from '@signalbox/core';
import type { Outcome } from '../commands/outcome.ts';
import type { Seen } from './agreement.ts';
import type { NodeAnswer, ReadPath } from './ask-nodes.ts';
import { nodeNames } from './text-table.ts';

export interface ClusterAction<T> {
  /** What one node is asked. */
  readonly ask: (read: ReadPath) => Promise<Result<T, string>>;
  /** Of the nodes that answered; nodes that differ from the others first. */
  readonly text: (seen: readonly Seen<T>[]) => string;
  /** Beside the answers of the nodes. */
  readonly summary: (seen: readonly Seen<T>[]) => Readonly<Record<string, unknown>>;
  /** At least one node has answered. `unanswered`: so many have not. */
  readonly status: (seen: readonly Seen<T>[], unanswered: number) => Outcome['status'];
}

export function seenBy<T>(answers: readonly NodeAnswer<T>[]): readonly Seen<T>[] {
  return answers.flatMap(({ node, answer }) => (answer.ok ? [{ node, value: answer.value }] : []));
}

/** Nodes with the same reason on one line. */
export function unansweredText(answers: readonly NodeAnswer<unknown>[]): string {
  const byReason = new Map<string, string[]>();
  for (const { node, answer } of answers) {
    if (answer.ok) continue;
    byReason.set(answer.error, [...(byReason.get(answer.error) ?? []), node]);
  }
  if (byReason.size === 0) return '';
  const lines = [...byReason].map(([reason, nodes]) => `  ${nodeNames(nodes)}: ${reason}\n`);
  return `No answer from\n${lines.join('')}`;
}

/** Paragraphs with an empty line between them. */
export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n');
}

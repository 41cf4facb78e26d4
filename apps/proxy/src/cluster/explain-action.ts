import { formatAddressPort, succeed } from '@signalbox/core';
import type { ExplainAnswer } from '../commands/explain-question.ts';
import { groupBy, type Seen } from './agreement.ts';
import type { ClusterAction } from './cluster-action.ts';
import { nodeNames, textTable } from './text-table.ts';

function destinations({ explanation: { outcome } }: ExplainAnswer): string {
  if (outcome.kind !== 'forward') return '';
  return outcome.destinations.map(({ address, port }) => formatAddressPort(address, port)).join(', ');
}

const cells = (answer: ExplainAnswer): readonly string[] => [
  answer.mode,
  answer.explanation.outcome.kind,
  answer.explanation.servicePort ?? 'none',
  `${answer.explanation.reason} (${answer.explanation.rule})`,
  destinations(answer),
];

const groups = (seen: readonly Seen<ExplainAnswer>[]): ReturnType<typeof groupBy<ExplainAnswer>> =>
  groupBy(seen, (answer) => JSON.stringify(cells(answer)));

export function explainAction(from: string, to: string): ClusterAction<ExplainAnswer> {
  const query = new URLSearchParams({ from, to });
  return {
    ask: async (read) => {
      const answer = await read(`/debug/explain?${query}`, 'explanation');
      return answer.ok ? succeed(answer.value as ExplainAnswer) : answer;
    },
    text: (seen) =>
      textTable(
        ['NODES', 'MODE', 'OUTCOME', 'SERVICE-PORT', 'REASON', 'ENDPOINTS'],
        groups(seen).map(({ nodes, value }) => [nodeNames(nodes), ...cells(value)]),
      ),
    summary: (seen) => ({ views: groups(seen).map(({ nodes }) => nodes) }),
    status: (seen, unanswered) => {
      const outcomes = seen.map(({ value }) => value.explanation.outcome.kind);
      if (outcomes.some((kind) => kind === 'drop' || kind === 'reject')) return 2;
      return unanswered > 0 ? 1 : 0;
    },
  };
}

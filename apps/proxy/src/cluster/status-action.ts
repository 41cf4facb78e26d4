import { succeed } from '@signalbox/core';
import type { ServiceSummary, StatusAnswer } from '../inspect/answers.ts';
import { disagreements, type Disagreement, type Seen } from './agreement.ts';
import { paragraphs, type ClusterAction } from './cluster-action.ts';
import { nodeNames, textTable } from './text-table.ts';

interface NodeState {
  readonly status: StatusAnswer;
  readonly services: readonly ServiceSummary[];
}

/** Services in text; JSON has all of them. */
const SHOWN = 20;

const ORDER: readonly StatusAnswer['state'][] = ['degraded', 'waiting', 'ready'];

function row({ node, value: { status } }: Seen<NodeState>): readonly string[] {
  const { state, mode, version, services, families, problems, waitingFor } = status;
  const last = families
    .flatMap(({ lastSync }) => lastSync ?? [])
    .sort((a, b) => (a.time < b.time ? 1 : -1))[0];
  const repaired = families.flatMap((family) => Object.values(family.repaired)).reduce((a, b) => a + b, 0);
  const counts = [services.programmed, services.refused, services.withoutEndpoints, services.conflicting];
  return [
    node,
    state,
    mode,
    version,
    ...counts.map(String),
    last === undefined ? '-' : `${last.time} (${last.milliseconds} ms)`,
    String(repaired),
    [...problems, ...waitingFor.map((what) => `waiting for ${what}`)][0] ?? '',
  ];
}

const HEAD = [
  'NODE',
  'STATE',
  'MODE',
  'VERSION',
  'SERVICES',
  'REFUSED',
  'NO-ENDPOINTS',
  'CONFLICTS',
  'LAST-SYNC',
  'REPAIRED',
  'REASON',
];

function disagreementText(all: readonly Disagreement[]): string {
  if (all.length === 0) return '';
  const rows = all
    .slice(0, SHOWN)
    .flatMap(({ service, groups }) =>
      groups.map(({ nodes, view }, index) => [index === 0 ? service : '', nodeNames(nodes), view]),
    );
  const more = all.length > SHOWN ? `and ${all.length - SHOWN} more: see -o json\n` : '';
  return `Nodes disagree about ${all.length} ${all.length === 1 ? 'Service' : 'Services'}\n${textTable(['SERVICE', 'NODES', 'STATE'], rows)}${more}`;
}

const byNode = (seen: readonly Seen<NodeState>[]): readonly Disagreement[] =>
  disagreements(seen.map(({ node, value: { services } }) => ({ node, value: services })));

export const statusAction: ClusterAction<NodeState> = {
  ask: async (read) => {
    const status = await read('/debug/status', 'state');
    if (!status.ok) return status;
    const services = await read('/debug/services', 'services');
    if (!services.ok) return services;
    const list = (services.value as { services: readonly ServiceSummary[] }).services;
    return succeed({ status: status.value as StatusAnswer, services: list });
  },
  text: (seen) => {
    const differing = byNode(seen);
    const nodes = seen.toSorted(
      (a, b) => ORDER.indexOf(a.value.status.state) - ORDER.indexOf(b.value.status.state),
    );
    return paragraphs(disagreementText(differing), textTable(HEAD, nodes.map(row)));
  },
  summary: (seen) => ({ disagreements: byNode(seen) }),
  status: (seen, unanswered) =>
    unanswered > 0 || seen.some(({ value }) => value.status.state !== 'ready') || byNode(seen).length > 0
      ? 2
      : 0,
};

import { fail, formatAddressPort, succeed, type Result } from '@signalbox/core';
import type { ServiceAnswer } from '../inspect/answers.ts';
import { differingParts, groupBy, sharedText, type Group, type Seen } from './agreement.ts';
import { paragraphs, type ClusterAction } from './cluster-action.ts';
import { nodeNames, textTable } from './text-table.ts';

const NAME = /^([a-z0-9][-a-z0-9.]*)\/([a-z0-9][-a-z0-9.]*)$/;

/** What one node shows of the Service: equal tables are printed once. */
function serviceTable({ description, served, diagnosis, kernel }: ServiceAnswer): string {
  const rows = description.ports.flatMap(({ key, family, endpoints }) =>
    endpoints.length === 0
      ? [[key, family, 'none', '', '']]
      : endpoints.map(({ address, port, use, reason, rule }, index) => [
          index === 0 ? key : '',
          index === 0 ? family : '',
          port === null ? address : formatAddressPort(address, port),
          use,
          `${reason} (${rule})`,
        ]),
  );
  const wrong = (kernel ?? []).flatMap(({ servicePorts }) =>
    Object.values(servicePorts ?? {}).flatMap(({ objects }) =>
      objects.filter(({ state }) => state !== 'held'),
    ),
  );
  const objects = wrong.map(({ type, name, state }) => `  kernel: ${type} ${name} is ${state}\n`).join('');
  const table = rows.length === 0 ? '' : textTable(['PORT', 'FAMILY', 'ENDPOINT', 'USE', 'REASON'], rows);
  return `${served ? 'Served' : 'Not served'}: ${diagnosis}\n${objects}${table}`;
}

function heading(nodes: readonly string[], differs: string): string {
  return `${nodes.length === 1 ? 'Node' : `${nodes.length} nodes:`} ${nodeNames(nodes)}${differs}\n`;
}

function text(seen: readonly Seen<ServiceAnswer>[]): string {
  const views = groupBy(seen, sharedText);
  const most = views.at(-1);
  const sections = views.flatMap((view) => {
    const members = seen.filter(({ node }) => view.nodes.includes(node));
    const differs = view === most ? '' : differenceText(view, most);
    return groupBy(members, serviceTable)
      .toSorted((a, b) => Number(a.value.served) - Number(b.value.served))
      .map(({ nodes, value }) => heading(nodes, differs) + serviceTable(value));
  });
  return paragraphs(...sections);
}

function differenceText({ value }: Group<ServiceAnswer>, most: Group<ServiceAnswer> | undefined): string {
  if (most === undefined) return '';
  const parts = differingParts(value, most.value).join(', ');
  return ` (differs from ${nodeNames(most.nodes)} in: ${parts})`;
}

/** Or what is wrong with the argument. */
export function describeAction(word: string): Result<ClusterAction<ServiceAnswer>, string> {
  const [, namespace, name] = NAME.exec(word) ?? [];
  if (namespace === undefined || name === undefined)
    return fail(`${JSON.stringify(word)} is not NAMESPACE/NAME`);
  return succeed({
    ask: async (read) => {
      const answer = await read(`/debug/services/${namespace}/${name}`, 'description');
      return answer.ok ? succeed(answer.value as ServiceAnswer) : answer;
    },
    text,
    summary: (seen) => ({
      views: groupBy(seen, sharedText).map(({ nodes }) => nodes),
    }),
    status: (seen, unanswered) => (seen.some(({ value }) => !value.served) ? 2 : unanswered > 0 ? 1 : 0),
  });
}

import { formatAddressPort, type EndpointCount, type Family } from '@signalbox/core';
import type { KernelAnswer, ServiceAnswer } from '../inspect/answers.ts';
import { endpointColumns } from '../inspect/endpoint-columns.ts';
import { endpointState } from '../inspect/endpoint-state.ts';
import { html, type Markup } from './html.ts';
import { badge, table } from './layout.ts';

type Port = ServiceAnswer['description']['ports'][number];
type Endpoint = Port['endpoints'][number];

const USES: Readonly<Record<Endpoint['use'], string>> = {
  cluster: 'Cluster',
  local: 'Local',
  both: 'Cluster and Local',
  none: 'Not used',
};

/** `address:port` → what the mode counted there; null: it does not count. */
function countsOf(
  kernel: readonly KernelAnswer[] | null,
  { key, family }: { readonly key: Port['key']; readonly family: Family },
): ReadonlyMap<string, EndpointCount> | null {
  const counts = kernel?.find((each) => each.family === family)?.servicePorts?.[key]?.endpoints ?? [];
  if (counts.length === 0) return null;
  return new Map(counts.map((count) => [formatAddressPort(count.address, count.port), count]));
}

function share(connections: number, all: number): string {
  return all === 0 ? '0 %' : `${((connections / all) * 100).toFixed(1)} %`;
}

function conditionsText({ conditions: { ready, serving, terminating } }: Endpoint): string {
  return [ready ? 'ready' : 'not ready', serving ? null : 'not serving', terminating ? 'terminating' : null]
    .filter((word) => word !== null)
    .join(', ');
}

const COLUMNS = ['Endpoint', 'Use', 'Reason', 'Conditions', 'Node'];

export function endpointTable(port: Port, kernel: readonly KernelAnswer[] | null): Markup {
  if (port.endpoints.length === 0) return html`<p>No EndpointSlice of the Service has an endpoint.</p>`;
  const counts = countsOf(kernel, port);
  const all = [...(counts?.values() ?? [])].reduce((sum, { connections }) => sum + connections, 0);
  const numbers = endpointColumns(port.endpoints, [...(counts?.values() ?? [])]);
  const row = (endpoint: Endpoint): Markup => {
    const where =
      endpoint.port === null ? endpoint.address : formatAddressPort(endpoint.address, endpoint.port);
    const count = counts?.get(where);
    const skipped = count?.state === undefined ? null : html` ${badge('bad', endpointState(count))}`;
    return html`<tr>
      <th scope="row">${where}</th>
      <td>${badge(endpoint.use === 'none' ? 'warn' : 'good', USES[endpoint.use])}${skipped}</td>
      <td>${endpoint.reason} (${endpoint.rule})</td>
      <td>${conditionsText(endpoint)}</td>
      <td>${endpoint.node ?? ''}${endpoint.zone === null ? null : ` (${endpoint.zone})`}</td>
      ${numbers.map(({ text }) => html`<td class="number">${text(endpoint, count)}</td>`)}
      ${counts === null ? null : html`<td class="number">${share(count?.connections ?? 0, all)}</td>`}
    </tr>`;
  };
  return html`<div class="wide" role="region" aria-label="Endpoints of ${port.key}" tabindex="0">
      ${table([...COLUMNS, ...numbers.map(({ title }) => title), ...(counts === null ? [] : ['Share'])], port.endpoints.map(row))}
    </div>
    ${counts === null ? html`<p class="note">No connections counted for this service port.</p>` : null}`;
}

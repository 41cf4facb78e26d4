/** The Services of this node: search, filter, pages. */
import type { ServiceSummary } from '../inspect/answers.ts';
import { html, type Markup } from './html.ts';
import { servedBadge, table } from './layout.ts';

export interface ListQuery {
  /** A row must contain all of these words. */
  readonly q: string;
  readonly state: 'all' | 'served' | 'not-served';
  /** From 1. */
  readonly page: number;
}

/** Rows of a page. */
const ROWS = 100;

const STATES: readonly (readonly [ListQuery['state'], string])[] = [
  ['all', 'All'],
  ['not-served', 'Not served'],
  ['served', 'Served'],
];

export function parseListQuery(params: URLSearchParams): ListQuery {
  const state = STATES.find(([name]) => name === params.get('state'))?.[0] ?? 'all';
  const page = Number(params.get('page'));
  return { q: params.get('q') ?? '', state, page: Number.isInteger(page) && page > 0 ? page : 1 };
}

function textOf({ namespace, name, type, clusterIPs, diagnosis }: ServiceSummary): string {
  return [`${namespace}/${name}`, type ?? '', ...clusterIPs, diagnosis].join(' ').toLowerCase();
}

function select(all: readonly ServiceSummary[], { q, state }: ListQuery): readonly ServiceSummary[] {
  const words = q
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return all.filter((service) => {
    if (state !== 'all' && service.served !== (state === 'served')) return false;
    const text = words.length === 0 ? '' : textOf(service);
    return words.every((word) => text.includes(word));
  });
}

const COLUMNS = ['Service', 'State', 'Type', 'ClusterIP', 'Endpoints used', 'Diagnosis'];

/** Services that are not served come first. */
function byState(a: ServiceSummary, b: ServiceSummary): number {
  return Number(a.served) - Number(b.served);
}

function row({ namespace, name, type, served, diagnosis, clusterIPs, endpoints }: ServiceSummary): Markup {
  return html`<tr>
    <th scope="row">
      <a href="/page/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}">${namespace}/${name}</a>
    </th>
    <td>${servedBadge({ served })}</td>
    <td>${type ?? ''}</td>
    <td>${clusterIPs.join(', ')}</td>
    <td class="number">${endpoints.used} of ${endpoints.total}</td>
    <td>${diagnosis}</td>
  </tr>`;
}

function linkTo({ q, state }: ListQuery, page: number, words: string): Markup {
  const query = new URLSearchParams({ q, state, page: String(page) });
  return html`<a href="/?${query.toString()}#services">${words}</a>`;
}

function pager(query: ListQuery, page: number, pages: number): Markup | null {
  if (pages <= 1) return null;
  return html`<nav aria-label="Pages of Services">
    ${page > 1 ? linkTo(query, page - 1, 'Previous') : null} Page ${page} of ${pages}
    ${page < pages ? linkTo(query, page + 1, 'Next') : null}
  </nav>`;
}

function searchForm({ q, state }: ListQuery): Markup {
  const option = ([value, words]: readonly [ListQuery['state'], string]): Markup =>
    value === state
      ? html`<option value="${value}" selected>${words}</option>`
      : html`<option value="${value}">${words}</option>`;
  return html`<form id="search" action="/#services" method="get" role="search">
    <label for="q">Search</label>
    <input id="q" name="q" type="search" value="${q}" autocomplete="off" />
    <label for="state">State</label>
    <select id="state" name="state">
      ${STATES.map(option)}
    </select>
    <button type="submit">Show</button>
  </form>`;
}

export function serviceList(all: readonly ServiceSummary[], query: ListQuery): Markup {
  const found = select(all, query);
  const pages = Math.max(1, Math.ceil(found.length / ROWS));
  const page = Math.min(query.page, pages);
  const shown = found.toSorted(byState).slice((page - 1) * ROWS, page * ROWS);
  return html`<section aria-labelledby="services">
    <h2 id="services">Services</h2>
    ${searchForm(query)}
    <div id="found">
      <p role="status">${found.length} of ${all.length} Services</p>
      <div class="wide" role="region" aria-labelledby="services" tabindex="0">
        ${table(COLUMNS, shown.map(row))}
      </div>
      ${pager(query, page, pages)}
    </div>
  </section>`;
}

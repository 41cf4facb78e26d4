/** Problems and repairs, newest first. */
import type { SyncAnswer } from '../inspect/answers.ts';
import { html, type Markup, type Value } from './html.ts';
import { badge, time } from './layout.ts';

const SHOWN = 50;

type Object = SyncAnswer['repaired']['items'][number];

function objectText({ kind, type, name, within }: Object): string {
  const place = within === undefined ? '' : ` in ${within}`;
  return `${type} ${name}${place} was ${kind}`;
}

function excerpt(total: number, texts: readonly string[]): Value {
  const more = total - texts.length;
  return html`<ul>
    ${texts.map((text) => html`<li>${text}</li>`)}${more > 0 ? html`<li>and ${more} more</li>` : null}
  </ul>`;
}

function entry({ time: at, family, repaired, failures, error }: SyncAnswer): Markup {
  const head = html`${time(at)} ${family}`;
  const failed =
    error === null ? null : html`<p>${badge('bad', 'Sync failed')} ${error.operation}: ${error.message}</p>`;
  const refused =
    failures.total === 0
      ? null
      : html`<p>${badge('bad', 'Not programmed')} service ports: ${failures.total}</p>
          ${excerpt(
            failures.total,
            failures.items.map(({ key, operation, message }) => `${key}: ${operation}: ${message}`),
          )}`;
  const repairs =
    repaired.total === 0
      ? null
      : html`<p>${badge('warn', 'Repaired')} objects modified by another process: ${repaired.total}</p>
          ${excerpt(repaired.total, repaired.items.map(objectText))}`;
  return html`<li>${head} ${failed}${refused}${repairs}</li>`;
}

const isNotable = ({ error, failures, repaired }: SyncAnswer): boolean =>
  error !== null || failures.total > 0 || repaired.total > 0;

/** Oldest first, as returned by the Inspector. */
export function timeLine(syncs: readonly SyncAnswer[]): Markup {
  const notable = syncs.filter(isNotable).toReversed();
  if (notable.length === 0) return html`<p>None in the last ${syncs.length} syncs.</p>`;
  return html`<ol class="time-line">
    ${notable.slice(0, SHOWN).map(entry)}
  </ol>`;
}

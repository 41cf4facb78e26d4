/** Common parts of all pages. */
import type { StatusAnswer } from '../inspect/answers.ts';
import { html, type Markup, type Value } from './html.ts';

export interface PageContent {
  readonly title: string;
  readonly status: StatusAnswer;
  readonly body: Value;
}

/** `good`, `bad`, `warn` are colours; the text has the same information. */
export type Tone = 'good' | 'bad' | 'warn';

export function badge(tone: Tone, words: string): Markup {
  return html`<span class="badge ${tone}">${words}</span>`;
}

export function servedBadge({ served }: { readonly served: boolean }): Markup {
  return served ? badge('good', 'Served') : badge('bad', 'Not served');
}

const STATES: Readonly<Record<StatusAnswer['state'], readonly [Tone, string]>> = {
  ready: ['good', 'Ready'],
  waiting: ['warn', 'Waiting'],
  degraded: ['bad', 'Degraded'],
};

export function time(rfc3339: string): Markup {
  return html`<time datetime="${rfc3339}">${rfc3339.replace('T', ' ').replace(/\.\d+Z$/, 'Z')}</time>`;
}

export function table(columns: readonly string[], rows: readonly Markup[]): Markup {
  return html`<table>
    <thead>
      <tr>
        ${columns.map((column) => html`<th scope="col">${column}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

/** The content of a `dl`. */
export function namedValues(rows: readonly (readonly [name: string, value: string | number])[]): Markup[] {
  return rows.map(
    ([name, value]) =>
      html`<div>
        <dt>${name}</dt>
        <dd>${value}</dd>
      </div>`,
  );
}

/** Why the node is not ready. */
export function nodeProblems({ problems: all, waitingFor }: StatusAnswer): Markup | null {
  const lines = [...all, ...waitingFor.map((what) => `Waiting for ${what}`)];
  if (lines.length === 0) return null;
  return html`<ul class="problems">
    ${lines.map((line) => html`<li>${line}</li>`)}
  </ul>`;
}

export function documentOf({ title, status, body }: PageContent): Markup {
  const [tone, words] = STATES[status.state];
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} &ndash; ${status.node} &ndash; Signalbox</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/page.css" />
        <script src="/page.js" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        <header>
          <p class="node"><a href="/">Node ${status.node}</a></p>
          <p>${badge(tone, words)} ${status.mode} mode, Signalbox ${status.version}</p>
        </header>
        <main id="main" tabindex="-1">${body}</main>
      </body>
    </html> `;
}

/** `explain` as a form that works without script. */
import { formatAddressPort } from '@signalbox/core';
import type { ExplainAnswer } from '../commands/explain-question.ts';
import { html, type Markup } from './html.ts';
import { badge, type Tone } from './layout.ts';

export interface Question {
  readonly from: string;
  readonly to: string;
}

const OUTCOMES: Readonly<Record<ExplainAnswer['explanation']['outcome']['kind'], readonly [Tone, string]>> = {
  forward: ['good', 'Forwarded'],
  reject: ['bad', 'Rejected'],
  drop: ['bad', 'Dropped'],
  pass: ['warn', 'Not changed'],
};

function answerText({ explanation, warnings }: ExplainAnswer): Markup {
  const { outcome, servicePort, reason, rule } = explanation;
  const [tone, words] = OUTCOMES[outcome.kind];
  const destinations = outcome.kind === 'forward' ? outcome.destinations : [];
  return html`<p>${badge(tone, words)} ${servicePort ?? 'no Service'}: ${reason} (${rule})</p>
    <ul>
      ${destinations.map(
        ({ address, port, masquerade }) =>
          html`<li>to ${formatAddressPort(address, port)}${masquerade ? ', masqueraded' : null}</li>`,
      )}
    </ul>
    ${warnings.map((warning) => html`<p>${badge('warn', 'Warning')} ${warning}</p>`)}`;
}

/** `answer`: what happens to the packet; a text: the error in the input. */
export function explainForm({ from, to }: Question, answer: ExplainAnswer | string | null): Markup {
  const result =
    answer === null
      ? null
      : typeof answer === 'string'
        ? html`<p>${badge('bad', 'Error')} ${answer}</p>`
        : answerText(answer);
  return html`<section aria-labelledby="explain">
    <h2 id="explain">Explain a packet</h2>
    <form action="/#explain" method="get">
      <label for="from">From</label>
      <input id="from" name="from" value="${from}" placeholder="10.244.1.9" required />
      <label for="to">To</label>
      <input id="to" name="to" value="${to}" placeholder="10.96.0.10:80/tcp" required />
      <button type="submit">Explain</button>
    </form>
    <div role="status">${result}</div>
  </section>`;
}

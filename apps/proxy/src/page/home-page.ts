import type { ExplainAnswer } from '../commands/explain-question.ts';
import type { ServiceSummary, StatusAnswer, SyncAnswer } from '../inspect/answers.ts';
import { explainForm, type Question } from './explain-form.ts';
import { html, type Markup } from './html.ts';
import { documentOf, namedValues, nodeProblems } from './layout.ts';
import { serviceList, type ListQuery } from './service-list.ts';
import { sparkline } from './sparkline.ts';
import { timeLine } from './time-line.ts';

export interface HomeContent {
  readonly status: StatusAnswer;
  readonly services: readonly ServiceSummary[];
  readonly syncs: readonly SyncAnswer[];
  readonly query: ListQuery;
  readonly question: Question;
  readonly answer: ExplainAnswer | string | null;
}

function counts({ services }: StatusAnswer): Markup {
  const rows = namedValues([
    ['Services', services.total],
    ['programmed', services.programmed],
    ['refused', services.refused],
    ['without endpoints', services.withoutEndpoints],
    ['in conflict', services.conflicting],
  ]);
  return html`<dl class="counts">${rows}</dl>`;
}

export function homePage({ status, services, syncs, query, question, answer }: HomeContent): Markup {
  const body = html`<h1>Services on ${status.node}</h1>
    ${nodeProblems(status)} ${counts(status)} ${serviceList(services, query)} ${explainForm(question, answer)}
    <section aria-labelledby="syncs">
      <h2 id="syncs">Last syncs</h2>
      ${sparkline(syncs)}
    </section>
    <section aria-labelledby="events">
      <h2 id="events">Repairs and problems</h2>
      ${timeLine(syncs)}
    </section>`;
  return documentOf({ title: 'Services', status, body });
}

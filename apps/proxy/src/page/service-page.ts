/** One Service: its properties, frontends, endpoints with their connections, and problems. */
import { formatAddressPort } from '@signalbox/core';
import type { KernelAnswer, ServiceAnswer, StatusAnswer } from '../inspect/answers.ts';
import { serviceRows } from '../inspect/service-rows.ts';
import { endpointTable } from './endpoint-table.ts';
import { html, type Markup } from './html.ts';
import { badge, documentOf, namedValues, nodeProblems, servedBadge, type Tone } from './layout.ts';

type Description = ServiceAnswer['description'];
type Port = Description['ports'][number];

const SEVERITIES: Readonly<Record<Description['problems'][number]['severity'], readonly [Tone, string]>> = {
  error: ['bad', 'Error'],
  warning: ['warn', 'Warning'],
  note: ['good', 'Note'],
};

function problemList({ description, failures }: ServiceAnswer): Markup {
  const refused = (failures ?? []).map(
    ({ key, family, operation, message }) =>
      html`<li>${badge('bad', 'Not programmed')} ${key} ${family}: ${operation}: ${message}</li>`,
  );
  const known = description.problems.map(({ severity, rule, message, servicePort, blames }) => {
    const [tone, words] = SEVERITIES[severity];
    const other = blames === undefined || !blames.includes('/') ? null : serviceLink(blames);
    return html`<li>
      ${badge(tone, words)} ${servicePort === null ? null : `${servicePort}: `}${message}
      ${rule === null ? null : `(${rule})`} ${other}
    </li>`;
  });
  if (refused.length + known.length === 0) return html`<p>None.</p>`;
  return html`<ul>
    ${refused}${known}
  </ul>`;
}

function serviceLink(key: string): Markup {
  const path = key.split('/').map(encodeURIComponent).join('/');
  return html`<a href="/page/${path}">${key}</a>`;
}

function facts(answer: ServiceAnswer): Markup {
  const shown = serviceRows(answer).flatMap(({ name, value, absent }) =>
    value === '' && absent === null ? [] : [[name, value === '' ? (absent ?? '') : value] as const],
  );
  return html`<dl>${namedValues(shown)}</dl>`;
}

function frontends({ frontends: all }: Port): Markup {
  return html`<ul>
    ${all.map(({ kind, address, port, policy, outcome, rule, sourceRanges, state, lostTo }) => {
      const where = address === null ? `port ${port} of this node` : formatAddressPort(address, port);
      const lost = state === 'lost' ? html` ${badge('bad', 'Lost')} to ${lostTo ?? 'another Service'}` : null;
      const only = sourceRanges === null ? '' : `, only from ${sourceRanges.join(', ')}`;
      return html`<li>${kind} ${where}, policy ${policy}: ${outcome} (${rule})${only}${lost}</li>`;
    })}
  </ul>`;
}

function kernelObjects(kernel: readonly KernelAnswer[] | null, { key, family }: Port): Markup | null {
  const answer = kernel?.find((each) => each.family === family);
  if (answer === undefined) return null;
  if (answer.error !== null)
    return html`<p>${badge('bad', 'Kernel not read')} ${answer.error.operation}: ${answer.error.message}</p>`;
  const objects = answer.servicePorts?.[key]?.objects ?? [];
  return html`<details>
    <summary>${objects.length} objects in the kernel</summary>
    <ul>
      ${objects.map(
        ({ type, name, within, state }) =>
          html`<li>${badge(state === 'held' ? 'good' : 'bad', state)} ${type} ${name} ${within ?? ''}</li>`,
      )}
    </ul>
  </details>`;
}

/** Of connections, from annotations of the Service. */
function limits(kernel: readonly KernelAnswer[] | null, { key, family }: Port): Markup | null {
  const held = kernel?.find((each) => each.family === family)?.servicePorts?.[key]?.limits;
  if (held === undefined) return null;
  const rows = held.map(({ name, now, limit, refused }) => {
    const of = limit === null ? 'no limit' : `limit ${limit}`;
    return html`<li>${name}: ${now} now, ${of}, ${refused} refused</li>`;
  });
  return html`<h3>Limits</h3>
    <ul>
      ${rows}
    </ul>`;
}

function portSection(answer: ServiceAnswer, port: Port): Markup {
  const { key, family, protocol, served, reason } = port;
  return html`<section>
    <h2>${key} ${protocol} ${family} ${servedBadge({ served })}</h2>
    ${reason === null ? null : html`<p>${reason}</p>`}
    <h3>Frontends</h3>
    ${frontends(port)}
    <h3>Endpoints</h3>
    ${endpointTable(port, answer.kernel)} ${limits(answer.kernel, port)} ${kernelObjects(answer.kernel, port)}
  </section>`;
}

export function servicePage(answer: ServiceAnswer, status: StatusAnswer): Markup {
  const { description, diagnosis, served } = answer;
  const name = `${description.namespace}/${description.name}`;
  const body = html`<p><a href="/">All Services</a></p>
    <h1>${name} ${servedBadge({ served })}</h1>
    <p class="diagnosis">${diagnosis}</p>
    ${nodeProblems(status)} ${facts(answer)}
    <section aria-labelledby="problems">
      <h2 id="problems">Problems</h2>
      ${problemList(answer)}
    </section>
    ${description.ports.map((port) => portSection(answer, port))}`;
  return documentOf({ title: name, status, body });
}

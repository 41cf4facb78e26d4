/** `/` and the other paths of the page on the metrics address. */
import type { ServerResponse } from 'node:http';
import type { Route } from '../health/respond.ts';
import type { Inspector } from '../inspect/inspector.ts';
import { guardedRoute } from '../inspect/routes.ts';
import { homePage } from './home-page.ts';
import { html, type Markup } from './html.ts';
import { documentOf } from './layout.ts';
import { SCRIPT } from './script.ts';
import { parseListQuery } from './service-list.ts';
import { servicePage } from './service-page.ts';
import { STYLE } from './style.ts';

/** Allows only the style sheet and the script of the page, and no other page may show it in a frame. */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

function send(response: ServerResponse, status: 200 | 404, [type, body]: readonly [string, string]): void {
  response.writeHead(status, {
    'Content-Type': `${type}; charset=utf-8`,
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}

async function home(inspector: Inspector, params: URLSearchParams): Promise<Markup> {
  const question = { from: params.get('from') ?? '', to: params.get('to') ?? '' };
  const isAsked = question.from !== '' && question.to !== '';
  return homePage({
    status: inspector.status(),
    services: await inspector.services(),
    syncs: inspector.syncs(),
    query: parseListQuery(params),
    question,
    answer: isAsked ? inspector.explain(question.from, question.to) : null,
  });
}

const SERVICE = /^\/page\/([^/]+)\/([^/]+)$/;

/** Null: not a name of a Service. */
function serviceOf(path: string): readonly [namespace: string, name: string] | null {
  const [, namespace, name] = SERVICE.exec(path) ?? [];
  if (namespace === undefined || name === undefined) return null;
  try {
    return [decodeURIComponent(namespace), decodeURIComponent(name)];
  } catch {
    return null;
  }
}

async function sendService(
  inspector: Inspector,
  [namespace, name]: readonly [string, string],
  response: ServerResponse,
): Promise<void> {
  const answer = await inspector.service(namespace, name);
  const status = inspector.status();
  if (answer.description.found) {
    send(response, 200, ['text/html', servicePage(answer, status).text]);
    return;
  }
  const body = html`<h1>No Service ${namespace}/${name}</h1>
    <p><a href="/">All Services</a></p>`;
  send(response, 404, ['text/html', documentOf({ title: 'Not found', status, body }).text]);
}

/** By path; undefined for other paths. */
export function pageRoutes(
  inspector: Inspector,
  nodeNames: readonly string[],
): (path: string) => Route | undefined {
  const routes = new Map<string, Route>([
    ['/page.css', (_, response) => send(response, 200, ['text/css', STYLE])],
    ['/page.js', (_, response) => send(response, 200, ['text/javascript', SCRIPT])],
    [
      '/',
      async (request, response) => {
        const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
        send(response, 200, ['text/html', (await home(inspector, searchParams)).text]);
      },
    ],
  ]);
  return (path) => {
    const service = serviceOf(path);
    const route =
      service === null
        ? routes.get(path)
        : (_: unknown, response: ServerResponse) => sendService(inspector, service, response);
    return route === undefined ? undefined : guardedRoute(route, nodeNames);
  };
}

/** The debug routes of the metrics address: `Inspector` as JSON. GET only. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Route } from '../health/respond.ts';
import { isOwnHost } from './host-check.ts';
import type { Inspector } from './inspector.ts';
import schema from './schema/debug.schema.json' with { type: 'json' };

interface Answer {
  readonly status: 200 | 400 | 403 | 405;
  readonly body: unknown;
}

const NAME = '([a-z0-9][-a-z0-9.]{0,252})';
const SERVICE_PATH = new RegExp(`^/debug/services/${NAME}/${NAME}$`);

const ok = (body: unknown): Answer => ({ status: 200, body });
const refused = (status: 400 | 403 | 405, error: string): Answer => ({ status, body: { error } });

function explainAnswer(inspector: Inspector, url: string): Answer {
  const asked = new URL(url, 'http://localhost').searchParams;
  const [from, to] = [asked.get('from'), asked.get('to')];
  if (from === null || to === null) return refused(400, 'from, to: required');
  const answer = inspector.explain(from, to);
  return typeof answer === 'string' ? refused(400, answer) : ok(answer);
}

type Answering = (inspector: Inspector, url: string) => Answer | Promise<Answer>;

const ROUTES: ReadonlyMap<string, Answering> = new Map<string, Answering>([
  ['/debug/services', async (inspector) => ok({ services: await inspector.services() })],
  ['/debug/explain', explainAnswer],
  ['/debug/diff', async (inspector) => ok(await inspector.difference())],
  ['/debug/syncs', (inspector) => ok({ syncs: inspector.syncs() })],
  ['/debug/status', (inspector) => ok(inspector.status())],
  ['/debug/schema', () => ok(schema)],
]);

function answeringOf(path: string): Answering | undefined {
  const [, namespace, name] = SERVICE_PATH.exec(path) ?? [];
  if (namespace === undefined || name === undefined) return ROUTES.get(path);
  return async (inspector) => ok(await inspector.service(namespace, name));
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const json = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    'Content-Length': Buffer.byteLength(json),
  });
  response.end(json);
}

/** The route with a check of method and Host in front of it. `nodeNames`: besides localhost and addresses. */
export function guardedRoute(route: Route, nodeNames: readonly string[]): Route {
  return (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return send(response, refused(405, 'only GET'));
    }
    if (!isOwnHost(request.headers.host, nodeNames)) {
      return send(response, refused(403, 'Host: must be localhost, an IP address or the name of this node'));
    }
    return route(request, response);
  };
}

/** By path; undefined for other paths. */
export function debugRoutes(
  inspector: Inspector,
  nodeNames: readonly string[],
): (path: string) => Route | undefined {
  return (path) => {
    const answering = answeringOf(path);
    if (answering === undefined) return undefined;
    return guardedRoute(async (request, response) => {
      send(response, await answering(inspector, request.url ?? '/'));
    }, nodeNames);
  };
}

/** What the metrics address (10249) serves: read by Prometheus, by people, and by conformance tests. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { notFound, text, type Handler, type Route } from '../health/respond.ts';
import type { Logger } from '../logging/logger.ts';
import { flagzPage, statuszPage, type Page, type PageRequest } from './zpages.ts';
import { CONTENT_TYPE, type Registry } from './registry.ts';
import type { CheckMetrics, ScrapeMetrics } from './component-metrics.ts';
import { profilingRoutes } from './profiling.ts';

export interface MetricsServerOptions {
  readonly registry: Registry;
  readonly slis: Registry;
  readonly checks: CheckMetrics;
  readonly scrapes: ScrapeMetrics;
  /** `v1.36.0`, or the value of `--version=vX.Y.Z`. */
  readonly version: string;
  readonly mode: () => string;
  readonly logger: Logger;
  /** The configuration as an API object; asked for at each request. */
  readonly configz: () => Readonly<Record<string, unknown>>;
  readonly flags: () => ReadonlyMap<string, string>;
  readonly startedAt: number;
  readonly now: () => number;
  readonly statusz: 'on' | 'off';
  readonly flagz: 'on' | 'off';
  readonly profiling: 'on' | 'off';
  readonly setVerbosity: (level: number) => void;
  /** Routes of paths that vary. */
  readonly debug: (path: string) => Route | undefined;
}

export function metricsHandler(options: MetricsServerOptions): Handler {
  const routes = createRoutes(options);
  return (request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const route = routes.get(path) ?? options.debug(path);
    if (route === undefined) {
      notFound(response);
      return;
    }
    try {
      const pending = route(request, response);
      pending?.catch((error: unknown) => fail(options.logger, response, error));
    } catch (error) {
      fail(options.logger, response, error);
    }
  };
}

function fail(logger: Logger, response: ServerResponse, error: unknown): void {
  logger.error('Request to the metrics address failed', { err: error });
  if (!response.headersSent) response.writeHead(500);
  response.end();
}

function createRoutes(options: MetricsServerOptions): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>([
    ['/metrics', (_, response) => scrape(response, options)],
    ['/metrics/slis', (request, response) => slis(request, response, options.slis)],
    ['/proxyMode', (_, response) => text(response, options.mode())],
    ['/configz', (_, response) => configz(response, options)],
  ]);
  for (const path of ['/healthz', '/healthz/ping']) {
    routes.set(path, (request, response) => {
      options.checks.record('ping', 'success');
      text(response, path === '/healthz' ? verboseHealthz(request.url ?? '') : 'ok');
    });
  }
  const paths = (): readonly string[] => [...routes.keys()].sort();
  if (options.statusz === 'on') {
    routes.set('/statusz', (request, response) =>
      page(request, response, (asked) => statuszPage(asked, { ...options, paths: paths() })),
    );
  }
  if (options.flagz === 'on') {
    routes.set('/flagz', (request, response) =>
      page(request, response, (asked) => flagzPage(asked, options.flags())),
    );
  }
  if (options.profiling === 'on') {
    for (const [path, route] of profilingRoutes(options)) routes.set(path, route);
  }
  return routes;
}

async function scrape(response: ServerResponse, { registry, scrapes }: MetricsServerOptions): Promise<void> {
  scrapes.began();
  try {
    text(response, await registry.text(), CONTENT_TYPE);
    scrapes.ended(200);
  } catch (error) {
    scrapes.ended(500);
    throw error;
  }
}

async function slis(request: IncomingMessage, response: ServerResponse, registry: Registry): Promise<void> {
  if (request.method !== 'DELETE') return text(response, await registry.text(), CONTENT_TYPE);
  registry.reset();
  text(response, 'metrics reset\n');
}

function configz(response: ServerResponse, options: MetricsServerOptions): void {
  text(response, JSON.stringify({ 'kubeproxy.config.k8s.io': options.configz() }), 'application/json');
}

function page(request: IncomingMessage, response: ServerResponse, make: (asked: PageRequest) => Page): void {
  const made = make({ accept: request.headers.accept ?? '' });
  response.writeHead(made.status, {
    'Content-Type': made.type,
    'X-Content-Type-Options': 'nosniff',
    ...(made.warning === undefined ? {} : { Warning: made.warning }),
  });
  response.end(made.body);
}

/** The metrics address's own `/healthz`: the one check, `ping`, succeeds when the server responds at all. */
function verboseHealthz(url: string): string {
  const query = new URL(url, 'http://localhost').searchParams;
  if (!query.has('verbose')) return 'ok';
  const excluded = query.getAll('exclude');
  const unknown = excluded.filter((name) => name !== 'ping');
  const lines = [excluded.includes('ping') ? '[+]ping excluded: ok' : '[+]ping ok'];
  if (unknown.length > 0) {
    lines.push(
      `warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(',')}`,
    );
  }
  return `${lines.join('\n')}\nhealthz check passed\n`;
}

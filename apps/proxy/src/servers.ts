/** The two HTTP listeners of the proxy: health (10256) and metrics (10249). */
import { hostname } from 'node:os';
import { configz, gatesOf, type Parts } from './parts.ts';
import { parseAddressPort } from './config/ip.ts';
import { kindOf } from './config/kinds.ts';
import { FLAGS } from './flags/flags.ts';
import { healthHandler } from './health/health-server.ts';
import type { Handler, Route } from './health/respond.ts';
import { startListener, type Listener } from './health/listener.ts';
import type { Inspector } from './inspect/inspector.ts';
import { debugRoutes } from './inspect/routes.ts';
import {
  registerCheckMetrics,
  registerComponentMetrics,
  registerScrapeMetrics,
} from './metrics/component-metrics.ts';
import { metricsHandler } from './metrics/metrics-server.ts';
import { registerProcessMetrics } from './metrics/process-metrics.ts';
import { createRegistry } from './metrics/registry.ts';
import { pageRoutes } from './page/routes.ts';
import { registerRestClientMetrics } from './metrics/rest-client-metrics.ts';
import { registerStateMetrics } from './metrics/state-metrics.ts';
import { versionInfo } from './version/version.ts';

export interface Servers {
  readonly health: Listener | null;
  readonly metrics: Listener | null;
  close(): Promise<void>;
}

export function startServers(parts: Parts, inspector: Inspector): Servers {
  const health = startHealth(parts);
  const metrics = startMetrics(parts, inspector);
  return {
    health,
    metrics,
    close: async () => {
      await Promise.all([health?.close(), metrics?.close()]);
    },
  };
}

function startHealth(parts: Parts): Listener | null {
  const { metrics, health, composition, settings } = parts;
  const handler = healthHandler({
    state: health,
    clock: composition.clock,
    countHealthz: (code) => metrics.healthz.inc({ code: String(code) }),
    countLivez: (code) => metrics.livez.inc({ code: String(code) }),
  });
  const reason = 'FailedToStartProxierHealthcheck';
  return listen(parts, { name: 'healthz', text: settings.config.healthzBindAddress, handler, reason });
}

function startMetrics(parts: Parts, inspector: Inspector): Listener | null {
  const { settings, registry, logging, composition } = parts;
  const gates = gatesOf(parts);
  const version = versionInfo(settings.version.startsWith('v') ? settings.version : null);
  registerComponentMetrics(registry, { version, gates });
  registerProcessMetrics(registry);
  registerStateMetrics(registry, () => inspector.status());
  parts.bundle.onRequest?.(registerRestClientMetrics(registry));
  const slis = createRegistry();
  const handler = metricsHandler({
    registry,
    slis,
    checks: registerCheckMetrics(slis),
    scrapes: registerScrapeMetrics(registry),
    version: version.gitVersion,
    mode: () => parts.current.config.mode,
    logger: logging.logger.component('metrics'),
    configz: () => configz(parts),
    flags: () => flagValues(parts),
    startedAt: composition.clock.now(),
    now: () => composition.clock.now(),
    statusz: gates.enabled('ComponentStatusz') ? 'on' : 'off',
    flagz: gates.enabled('ComponentFlagz') ? 'on' : 'off',
    profiling: settings.config.enableProfiling ? 'on' : 'off',
    debug: routesOfPeople(inspector, [settings.nodeName, hostname()]),
    setVerbosity: (verbosity) => logging.configure({ ...logging.settings(), verbosity }),
  });
  const reason = 'FailedToStartMetricServer';
  return listen(parts, { name: 'metrics', text: settings.config.metricsBindAddress, handler, reason });
}

function routesOfPeople(
  inspector: Inspector,
  nodeNames: readonly string[],
): (path: string) => Route | undefined {
  const [page, debug] = [pageRoutes(inspector, nodeNames), debugRoutes(inspector, nodeNames)];
  return (path) => page(path) ?? debug(path);
}

interface Wanted {
  readonly name: string;
  readonly text: string;
  readonly handler: Handler;
  /** Of the Event, when it cannot be bound and that is fatal. */
  readonly reason: string;
}

/** `null`: the server is switched off. */
function listen(parts: Parts, { name, text, handler, reason }: Wanted): Listener | null {
  const address = parseAddressPort(text);
  if (typeof address === 'string') return null;
  return startListener({
    name,
    address,
    handler,
    bounds: { budget: parts.connections },
    clock: parts.composition.clock,
    logger: parts.logging.logger.component(name),
    onBindError: (error) => {
      if (!parts.settings.config.bindAddressHardFail) return 'try-again';
      const note = `failed to start ${name} server on ${text}: ${error.message}`;
      parts.bundle.events.record({ type: 'Warning', reason, action: 'StartKubeProxy', note });
      parts.onFatal(note);
      return 'give-up';
    },
  });
}

/** Every flag and the value in effect, for /flagz. */
export function flagValues({ settings }: Pick<Parts, 'settings'>): ReadonlyMap<string, string> {
  return new Map(
    FLAGS.map(({ name, kind, initial }) => {
      const given = settings.given.get(name);
      return [name, given === undefined ? initial : kindOf(kind).format(given)];
    }),
  );
}

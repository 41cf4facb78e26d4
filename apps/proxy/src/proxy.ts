/** The running proxy: everything put together, started in kube-proxy's order, and stopped. */
import type { ObjectEvent } from '@signalbox/core';
import { effective } from './config/effective.ts';
import type { Settings } from './config/settings.ts';
import { observeConnections, type ConnectionObservers } from './connections/observe-connections.ts';
import { processBudget } from './health/bounded-server.ts';
import { createHealthState } from './health/health-state.ts';
import { inOrder } from './in-order.ts';
import { createInspector } from './inspect/inspector.ts';
import { createSyncHistory } from './inspect/sync-history.ts';
import { registerConnectionCounts } from './metrics/connection-counts.ts';
import { registerRejectedPackets } from './metrics/local-node-port-metrics.ts';
import { registerPacketCounters } from './metrics/packet-counters.ts';
import { createProxyMetrics, type ProxyMetrics } from './metrics/proxy-metrics.ts';
import { createRegistry, type Registry } from './metrics/registry.ts';
import { registerServiceMetrics } from './metrics/service-metrics.ts';
import { checkFamilies, checkNode, type FamilyVerdict } from './node/family-check.ts';
import { createNodeCheck, createNodeWatch } from './node/node-watch.ts';
import type { Parts, ProxyOptions } from './parts.ts';
import { startServers, type Servers } from './servers.ts';
import { createController, type Controller } from './sync/controller.ts';
import { createModeLoops } from './sync/mode-loops.ts';
import { createStartGate, type StartGate } from './sync/start-gate.ts';
import { changeMode, reconfigure } from './sync/switch-mode.ts';
import { watchBackends, type BackendWatch } from './sync/watch-backends.ts';
import { openTracing, type Tracing } from './tracing/open-tracing.ts';

export interface Proxy {
  readonly servers: Servers;
  /** Whether these settings fit this node: what a start with them would say. */
  checkSettings(settings: Settings): FamilyVerdict;
  /** Applies new settings, as far as they can change in a running process (config/reload.ts). */
  reconfigure(settings: Settings): void;
  /** As `reconfigure`, with another mode; why that does not serve here: then nothing changes. */
  switchMode(settings: Settings): Promise<string | null>;
  /** What to wait for before the process exits, beyond its servers; `null`: nothing, the rules stay in place. */
  drain(): Promise<void> | null;
  /** Sends traces and writes lines of the access log that wait; each within two seconds. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const parts = await createParts(options);
  const gate = createGate(parts);
  const startedAt = options.composition.clock.now();
  const servers = startServers(
    parts,
    createInspector({ parts, startedAt, waitingFor: () => gate.waitingFor() }),
  );
  const controller = connect(parts, gate);
  controller.start();
  gate.start();
  const watch = watchBackends(parts, () => changeMode(parts, parts.current));
  reportDefaultedMode(options);
  options.bundle.events.record({ type: 'Normal', reason: 'Starting', action: 'StartKubeProxy', note: '' });
  return {
    servers,
    checkSettings: (settings) => checkSettings(parts, settings),
    reconfigure: (settings) => reconfigure(parts, settings),
    switchMode: (settings) => changeMode(parts, settings),
    drain: () => (parts.current.mode.endsWithProcess === true ? parts.running.close() : null),
    flush: () => flush(parts),
    stop: () => stop(parts, { servers, gate, controller, watch }),
  };
}

function reportDefaultedMode({ settings, logging, bundle }: ProxyOptions): void {
  const note = settings.mode.configuration.whenDefaulted;
  if (!settings.defaultedMode || note === undefined) return;
  logging.logger.component('config').warning(note);
  bundle.events.record({ type: 'Warning', reason: 'ProxyModeNotSet', action: 'StartKubeProxy', note });
}

async function flush({ tracing, observers }: Parts): Promise<void> {
  await Promise.all([tracing?.close(), observers.close()]);
}

async function createParts(options: ProxyOptions): Promise<Parts> {
  const { settings, composition, families } = options;
  const registry = createRegistry();
  const tracing = await tracingOf(options);
  const base: Omit<Parts, 'running'> = {
    ...options,
    current: settings,
    model: composition.createModel(settings),
    registry,
    metrics: createProxyMetrics(registry, () => base.current.mode),
    health: createHealthState({
      clock: composition.clock,
      families,
      syncPeriod: () => effective(base.current).syncPeriod,
    }),
    syncs: createSyncHistory(),
    connections: processBudget(),
    tracing,
    observers: await observersOf(options, tracing, registry),
    serviceHealth: new Map(),
    started: false,
    changing: inOrder(),
  };
  const running = await createModeLoops(base, { settings, isFirst: true });
  const parts: Parts = Object.assign(base, { running });
  registerPacketCounters(registry, parts.metrics, () => parts.running.counters);
  registerConnectionCounts(registry, parts.metrics, () => parts.running.backends);
  registerRejectedPackets(registry, parts.metrics, () => parts.running.backends);
  if (settings.serviceMetrics !== null) {
    registerServiceMetrics(registry, {
      clock: composition.clock,
      maxSeries: settings.serviceMetrics,
      backends: () => parts.running.backends,
    });
  }
  return parts;
}

function tracingOf({ settings, composition, logging }: ProxyOptions): Promise<Tracing | null> {
  const { tracing, nodeName } = settings;
  if (tracing === null) return Promise.resolve(null);
  const { clock, preciseTime: now } = composition;
  const logger = logging.logger.component('tracing');
  return openTracing({ settings: tracing, nodeName, clock, now, logger });
}

function observersOf(
  { settings, composition: { clock }, logging }: ProxyOptions,
  tracing: Tracing | null,
  registry: Registry,
): Promise<ConnectionObservers> {
  const logger = logging.logger.component('access-log');
  return observeConnections({ settings, clock, logger, tracing, registry });
}

function createGate(parts: Parts): StartGate {
  const { settings, logging, composition } = parts;
  const logger = logging.logger.component('node');
  const nodeWait = settings.config.detectLocalMode === 'NodeCIDR' ? 'pod-cidrs' : 'ips';
  return createStartGate({
    clock: composition.clock,
    nodeName: settings.nodeName,
    nodeWait: settings.manifests === '' ? nodeWait : 'none',
    onOpen: () => {
      parts.started = true;
      parts.running.loops.forEach((loop) => loop.start());
    },
    onGiveUp: parts.onFatal,
    onNote: (message) => logger.warning(message),
  });
}

function connect(parts: Parts, gate: StartGate): Controller {
  const { bundle, model, logging, metrics, health } = parts;
  const logger = logging.logger.component('controller');
  const nodeLogger = logging.logger.component('node');
  const watch = createNodeWatch({ logger: nodeLogger, health });
  const mayStart = createNodeCheck({
    check: (view) => checkNode(parts.current.config, parts.families, view),
    hasStarted: () => gate.isOpen(),
    logger: nodeLogger,
    onFatal: parts.onFatal,
  });
  if (parts.settings.manifests !== '') health.setNodeEligible('eligible');
  return createController({
    model,
    source: bundle.source,
    families: parts.families,
    clock: parts.composition.clock,
    logger,
    events: bundle.events,
    request: (family, reason) => parts.running.loops.get(family)?.request(reason),
    onSynced: (resource) => {
      gate.synced(resource);
      const forced = resource === 'Service' || resource === 'EndpointSlice';
      if (forced) parts.running.loops.forEach((loop) => loop.request(`${resource} synced`));
    },
    onNode: (view) => {
      watch(view);
      if (mayStart(view)) gate.node(view);
    },
    onEvents: (events) => countEvents(metrics, events),
    tracing: parts.tracing,
  });
}

function countEvents(metrics: ProxyMetrics, events: readonly ObjectEvent[]): void {
  for (const { resource } of events) {
    if (resource === 'Service') metrics.serviceChanges.inc();
    if (resource === 'EndpointSlice') metrics.endpointChanges.inc();
  }
}

function checkSettings({ families, model }: Parts, settings: Settings): FamilyVerdict {
  const start = checkFamilies(settings, families);
  const node = checkNode(settings.config, families, model.node());
  return { fatal: start.fatal ?? node.fatal, warnings: [...start.warnings, ...node.warnings] };
}

interface Running {
  readonly servers: Servers;
  readonly gate: StartGate;
  readonly controller: Controller;
  readonly watch: BackendWatch;
}

/** The rules stay: traffic goes on while no proxy runs. */
async function stop(parts: Parts, { servers, gate, controller, watch }: Running): Promise<void> {
  watch.stop();
  gate.stop();
  await controller.stop();
  await servers.close();
  await parts.running.stop();
  for (const each of parts.serviceHealth.values()) await each.close();
  await parts.running.close();
  await flush(parts);
}

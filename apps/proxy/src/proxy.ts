/** The running proxy: everything put together, started in kube-proxy's order, and stopped. */
import type { Family, ObjectEvent } from '@signalbox/core';
import { effective } from './config/effective.ts';
import type { Settings } from './config/settings.ts';
import { processBudget } from './health/bounded-server.ts';
import { createHealthState } from './health/health-state.ts';
import { registerPacketCounters } from './metrics/packet-counters.ts';
import { createProxyMetrics, type ProxyMetrics } from './metrics/proxy-metrics.ts';
import { createRegistry } from './metrics/registry.ts';
import { interfaceAddresses } from './node/prepare-node.ts';
import { checkFamilies, checkNode, type FamilyVerdict } from './node/family-check.ts';
import { createNodeCheck, createNodeWatch } from './node/node-watch.ts';
import type { Parts, ProxyOptions } from './parts.ts';
import { startServers, type Servers } from './servers.ts';
import { createController, type Controller } from './sync/controller.ts';
import { createFamilyLoop, type FamilyLoop } from './sync/family-loop.ts';
import { familyServiceHealth } from './sync/family-service-health.ts';
import { modelConfig } from './sync/model-config.ts';
import { createSharedAddressReporter, type SharedAddressReporter } from './sync/shared-address-reporter.ts';
import { createStartGate, type StartGate } from './sync/start-gate.ts';
import { createSuccession } from './sync/succession.ts';

export interface Proxy {
  readonly servers: Servers;
  /** Whether these settings fit this node: what a start with them would say. */
  checkSettings(settings: Settings): FamilyVerdict;
  /** Takes new settings over, as far as they can change in a running process (config/reload.ts). */
  reconfigure(settings: Settings): void;
  stop(): Promise<void>;
}

export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const parts = await createParts(options);
  for (const family of options.families) parts.loops.set(family, await createLoop(parts, family));
  const servers = startServers(parts);
  const gate = createGate(parts);
  const controller = connect(parts, gate);
  controller.start();
  gate.start();
  reportDefaultedMode(options);
  options.bundle.events.record({ type: 'Normal', reason: 'Starting', action: 'StartKubeProxy', note: '' });
  return {
    servers,
    checkSettings: (settings) => checkSettings(parts, settings),
    reconfigure: (settings) => reconfigure(parts, settings),
    stop: () => stop(parts, { servers, gate, controller }),
  };
}

function reportDefaultedMode({ settings, logging, bundle }: ProxyOptions): void {
  const note = settings.mode.configuration.whenDefaulted;
  if (!settings.defaultedMode || note === undefined) return;
  logging.logger.component('config').warning(note);
  bundle.events.record({ type: 'Warning', reason: 'ProxyModeNotSet', action: 'StartKubeProxy', note });
}

async function createParts(options: ProxyOptions): Promise<Parts> {
  const { settings, composition, families, logging } = options;
  const registry = createRegistry();
  const parts: Parts = {
    ...options,
    current: settings,
    model: composition.createModel(settings),
    registry,
    metrics: createProxyMetrics(registry, settings.mode),
    counters: await composition.openCounters(settings, families, logging.logger.component('sync')),
    health: createHealthState({
      clock: composition.clock,
      families,
      syncPeriod: () => effective(parts.current).syncPeriod,
    }),
    connections: processBudget(),
    loops: new Map(),
    succession: createSuccession({
      families,
      clock: composition.clock,
      removeLeftovers: () => composition.removeLeftovers(settings.mode.succeeds, settings, logging.logger),
      logger: logging.logger,
    }),
  };
  if (parts.counters !== null) registerPacketCounters(registry, parts.metrics, parts.counters);
  return parts;
}

async function createLoop(parts: Parts, family: Family): Promise<FamilyLoop> {
  const { composition, settings, logging } = parts;
  const logger = logging.logger.component('sync');
  return createFamilyLoop({
    backend: await composition.createBackend(settings, family, {
      nodeIP: (own) => parts.model.node().ips[own] ?? null,
      syncPeriod: () => effective(parts.current).syncPeriod,
      counters: parts.counters,
      onNotice: ({ message, data }) => logger.warning(message, data),
    }),
    model: parts.model,
    clock: composition.clock,
    logger,
    metrics: parts.metrics,
    health: parts.health,
    serviceHealth: familyServiceHealth(parts, family),
    flows: composition.createFlowCleaner(settings, family),
    sharedAddresses: sharedAddressReporter(parts, family),
    frontends: () => composition.openStateFile('frontends', family),
    periods: () => effective(parts.current),
    refresh: () => parts.model.setInterfaceAddresses(interfaceAddresses()),
    onVerified: () => parts.succession.verified(family),
  });
}

function sharedAddressReporter(parts: Parts, family: Family): SharedAddressReporter | null {
  const { settings, composition, logging, bundle, model } = parts;
  if (settings.mode.bindsExternalAddresses !== true) return null;
  return createSharedAddressReporter({
    clock: composition.clock,
    logger: logging.logger.component('sync'),
    events: bundle.events,
    endpointAddresses: () => model.endpointAddresses(family),
    nodeIPs: () => [model.node().ips[family] ?? []].flat(),
  });
}

function createGate(parts: Parts): StartGate {
  const { settings, logging, composition } = parts;
  const logger = logging.logger.component('node');
  const nodeWait = settings.config.detectLocalMode === 'NodeCIDR' ? 'pod-cidrs' : 'ips';
  return createStartGate({
    clock: composition.clock,
    nodeName: settings.nodeName,
    nodeWait: settings.manifests === '' ? nodeWait : 'none',
    onOpen: () => parts.loops.forEach((loop) => loop.start()),
    onGiveUp: parts.onFatal,
    onNote: (message) => logger.warning(message),
  });
}

function connect(parts: Parts, gate: StartGate): Controller {
  const { bundle, model, logging, loops, metrics, health } = parts;
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
    families: [...loops.keys()],
    clock: parts.composition.clock,
    logger,
    request: (family, reason) => loops.get(family)?.request(reason),
    onSynced: (resource) => {
      gate.synced(resource);
      const forced = resource === 'Service' || resource === 'EndpointSlice';
      if (forced) loops.forEach((loop) => loop.request(`${resource} synced`));
    },
    onNode: (view) => {
      watch(view);
      if (mayStart(view)) gate.node(view);
    },
    onEvents: (events) => countEvents(metrics, events),
  });
}

function countEvents(metrics: ProxyMetrics, events: readonly ObjectEvent[]): void {
  for (const { resource } of events) {
    if (resource === 'Service') metrics.serviceChanges.inc();
    if (resource === 'EndpointSlice') metrics.endpointChanges.inc();
  }
}

function checkSettings({ families, model }: Parts, { config }: Settings): FamilyVerdict {
  const start = checkFamilies(config, families);
  const node = checkNode(config, families, model.node());
  return { fatal: start.fatal ?? node.fatal, warnings: [...start.warnings, ...node.warnings] };
}

function reconfigure(parts: Parts, settings: Settings): void {
  parts.current = settings;
  const { format, verbosity, vmodule } = settings.config.logging;
  parts.logging.configure({ format, verbosity, vmodule });
  parts.model.configure(modelConfig(settings));
  parts.loops.forEach((loop) => loop.request('configuration changed'));
}

interface Running {
  readonly servers: Servers;
  readonly gate: StartGate;
  readonly controller: Controller;
}

/** The rules stay: traffic goes on while no proxy runs. */
async function stop(parts: Parts, { servers, gate, controller }: Running): Promise<void> {
  gate.stop();
  await controller.stop();
  await servers.close();
  for (const loop of parts.loops.values()) {
    await loop.stop();
    await loop.close();
  }
  await parts.succession.stop();
  parts.counters?.close();
}

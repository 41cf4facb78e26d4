/** The sync loops of one proxy mode, a family each, and what has to know which mode they are of. */
import { formatBackendError, type BackendError, type Family } from '@signalbox/core';
import { effective } from '../config/effective.ts';
import type { Settings } from '../config/settings.ts';
import type { ServiceHealth } from '../health/service-health.ts';
import type { LocalNodePorts, ModeBackend, PacketCounters, Successor } from '../modes/proxy-mode.ts';
import { createInterfaceRefresh, type InterfaceRefresh } from '../node/interface-refresh.ts';
import { interfaceAddresses } from '../node/prepare-node.ts';
import type { ModeLoops, Parts } from '../parts.ts';
import { createUnsupportedReporter, type UnsupportedReporter } from './unsupported-reporter.ts';
import { createFamilyLoop, type FamilyLoop } from './family-loop.ts';
import { familyServiceHealth } from './family-service-health.ts';
import { createSharedAddressReporter, type SharedAddressReporter } from './shared-address-reporter.ts';
import { createSuccession, type Succession } from './succession.ts';

/** What a switch of modes waits for. */
export interface LoopListener {
  verified(family: Family): void;
  failed(family: Family, error: BackendError | string): void;
}

export interface ModeLoopsOptions {
  readonly settings: Settings;
  /** There were loops of another mode before: the first sync is of the whole state. */
  readonly isFirst: boolean;
  readonly listener?: LoopListener;
}

/** `running` of the parts is the caller's affair. */
export async function createModeLoops(parts: LoopParts, options: ModeLoopsOptions): Promise<ModeLoops> {
  const { composition, families, logging } = parts;
  const { settings } = options;
  const counters = await composition.openCounters(settings, families, logging.logger.component('sync'));
  const backends = await createBackends(parts, settings, counters);
  const succession = successionOf(parts, settings, backends);
  const unsupported = createUnsupportedReporter({
    logger: logging.logger.component('sync'),
    events: parts.bundle.events,
    ignoresSourceRanges: settings.mode.ignoresSourceRanges === true,
  });
  const interfaces = interfaceRefreshOf(parts, (family) => loops.get(family)?.request('interface addresses'));
  const loops = new Map(
    [...backends].map(([family, backend]) => [
      family,
      createLoop(parts, { ...options, backend, succession, unsupported, interfaces }),
    ]),
  );
  return {
    settings,
    counters,
    backends,
    loops,
    succession,
    stop: async () => {
      for (const loop of loops.values()) await loop.stop();
      // A sync of the loops that were still running may have scheduled a read.
      interfaces.stop();
      await succession.stop();
    },
    close: async () => {
      for (const loop of loops.values()) await loop.close();
      counters?.close();
    },
  };
}

async function createBackends(
  parts: LoopParts,
  settings: Settings,
  counters: PacketCounters | null,
): Promise<ReadonlyMap<Family, ModeBackend>> {
  const backends = new Map<Family, ModeBackend>();
  for (const family of parts.families) {
    backends.set(family, await createBackend(parts, settings, { family, counters }));
  }
  return backends;
}

function interfaceRefreshOf(
  { model, composition: { clock } }: LoopParts,
  onChanged: (family: Family) => void,
): InterfaceRefresh {
  return createInterfaceRefresh({ model, clock, read: interfaceAddresses, onChanged });
}

function createBackend(
  parts: LoopParts,
  settings: Settings,
  { family, counters }: { readonly family: Family; readonly counters: PacketCounters | null },
): Promise<ModeBackend> {
  const logger = parts.logging.logger.component('sync');
  const trace = parts.tracing?.families[family];
  const { onConnectionEnd } = parts.observers;
  return parts.composition.createBackend(settings, family, {
    nodeIP: (own) => parts.model.node().ips[own] ?? null,
    syncPeriod: () => effective(parts.current).syncPeriod,
    counters,
    ...(trace === undefined ? {} : { measureWrite: trace.measureWrite }),
    ...(onConnectionEnd === null ? {} : { onConnectionEnd }),
    onNotice: ({ message, data }) => logger.warning(message, data),
  });
}

function successionOf(
  { composition, families, metrics, model, logging: { logger } }: LoopParts,
  settings: Settings,
  backends: ReadonlyMap<Family, ModeBackend>,
): Succession {
  return createSuccession({
    families,
    clock: composition.clock,
    prepare: () => {
      composition.firstSyncIsOver();
      return composition.carryAffinity(
        settings,
        families.map((family) => model.state(family)),
        logger,
      );
    },
    removeLeftovers: async (keepConnections) => {
      const successor = await successorOf(settings, backends, keepConnections);
      return composition.removeLeftovers(settings, successor, logger);
    },
    logger,
    metrics,
  });
}

/** Throws the reason why it is not known: then nothing can be removed. */
async function successorOf(
  { mode }: Settings,
  backends: ReadonlyMap<Family, ModeBackend>,
  keepConnections: boolean,
): Promise<Successor> {
  const rules = new Map<Family, NonNullable<ReturnType<Successor['rules']>>>();
  for (const [family, backend] of backends) {
    const own = await backend.rules?.();
    if (own === undefined) continue;
    if ('code' in own) throw new Error(formatBackendError(own));
    rules.set(family, own);
  }
  return { mode: mode.name, rules: (family) => rules.get(family) ?? null, keepConnections };
}

type LoopParts = Omit<Parts, 'running'>;

interface NewLoop extends ModeLoopsOptions {
  readonly backend: ModeBackend;
  readonly succession: Succession;
  readonly unsupported: UnsupportedReporter;
  readonly interfaces: InterfaceRefresh;
}

function createLoop(
  parts: LoopParts,
  { settings, isFirst, listener, backend, succession, unsupported, interfaces }: NewLoop,
): FamilyLoop {
  const { composition, logging } = parts;
  const { family } = backend;
  return createFamilyLoop({
    backend,
    model: parts.model,
    clock: composition.clock,
    logger: logging.logger.component('sync'),
    events: parts.bundle.events,
    metrics: parts.metrics,
    health: parts.health,
    serviceHealth: serviceHealthOf(parts, family),
    syncs: parts.syncs,
    ...(parts.tracing === null ? {} : { trace: parts.tracing.families[family] }),
    flows: composition.createFlowCleaner(settings, family),
    sharedAddresses: sharedAddressReporter(parts, settings, family),
    unsupported,
    localNodePorts: localNodePortsOf(parts, settings, family),
    frontends: () => composition.openStateFile('frontends', family),
    periods: () => effective(parts.current),
    refresh: () => interfaces.refresh(),
    rebuildFirst: !isFirst,
    onVerified: () => {
      succession.verified(family);
      listener?.verified(family);
    },
    onMissed: (why) => listener?.failed(family, why),
    onFailed: (error) => listener?.failed(family, error),
  });
}

function localNodePortsOf(parts: LoopParts, { mode }: Settings, family: Family): LocalNodePorts | null {
  const { composition, logging, metrics } = parts;
  const open = mode.localNodePorts?.open(family, {
    config: () => parts.current.config,
    clock: composition.clock,
    logger: logging.logger.component('sync'),
    metrics,
  });
  return open ?? null;
}

function serviceHealthOf(parts: LoopParts, family: Family): ServiceHealth {
  const known = parts.serviceHealth.get(family) ?? familyServiceHealth(parts, family);
  parts.serviceHealth.set(family, known);
  return known;
}

function sharedAddressReporter(
  parts: LoopParts,
  { mode }: Settings,
  family: Family,
): SharedAddressReporter | null {
  const { composition, logging, bundle, model } = parts;
  if (mode.bindsExternalAddresses !== true) return null;
  return createSharedAddressReporter({
    clock: composition.clock,
    logger: logging.logger.component('sync'),
    events: bundle.events,
    endpointAddresses: () => model.endpointAddresses(family),
    nodeIPs: () => [model.node().ips[family] ?? []].flat(),
  });
}

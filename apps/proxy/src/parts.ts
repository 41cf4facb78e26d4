/** What the parts of a running proxy share. */
import type { Family, Model } from '@signalbox/core';
import type { Composition, SourceBundle } from './compose/composition.ts';
import { toApiObject } from './config/encode.ts';
import { createFeatureGates, type FeatureGates } from './config/feature-gates.ts';
import type { Settings } from './config/settings.ts';
import type { ConnectionObservers } from './connections/observe-connections.ts';
import type { ConnectionBudget } from './health/connection-budget.ts';
import type { HealthState } from './health/health-state.ts';
import type { ServiceHealth } from './health/service-health.ts';
import type { Logging } from './logging/logger.ts';
import type { InOrder } from './in-order.ts';
import type { ProxyMetrics } from './metrics/proxy-metrics.ts';
import type { Registry } from './metrics/registry.ts';
import type { ModeBackend, PacketCounters } from './modes/proxy-mode.ts';
import type { SyncHistory } from './inspect/sync-history.ts';
import type { FamilyLoop } from './sync/family-loop.ts';
import type { Succession } from './sync/succession.ts';
import type { Tracing } from './tracing/open-tracing.ts';

export interface ProxyOptions {
  readonly settings: Settings;
  readonly composition: Composition;
  readonly logging: Logging;
  readonly families: readonly Family[];
  readonly bundle: SourceBundle;
  /** Something that only a new process can put right. Called at most once; one line. */
  readonly onFatal: (reason: string) => void;
}

/** The sync loops of one proxy mode. */
export interface ModeLoops {
  readonly settings: Settings;
  /** `null`: nothing is counted. */
  readonly counters: PacketCounters | null;
  readonly backends: ReadonlyMap<Family, ModeBackend>;
  readonly loops: ReadonlyMap<Family, FamilyLoop>;
  readonly succession: Succession;
  /** Lets running syncs and removals end; none starts after. The rules stay. */
  stop(): Promise<void>;
  /** After `stop`. */
  close(): Promise<void>;
}

export interface Parts extends ProxyOptions {
  /** As last configured. */
  current: Settings;
  readonly model: Model;
  readonly registry: Registry;
  readonly metrics: ProxyMetrics;
  readonly health: HealthState;
  readonly syncs: SyncHistory;
  /** `null`: off. */
  readonly tracing: Tracing | null;
  /** Of connections that pass through this process. */
  readonly observers: ConnectionObservers;
  /** Of clients, to all servers. */
  readonly connections: ConnectionBudget;
  /** Health-check ports, the same in every mode. */
  readonly serviceHealth: Map<Family, ServiceHealth>;
  /** The loops of the mode that serves. */
  running: ModeLoops;
  /** Changes of the mode, one after the other. */
  readonly changing: InOrder;
  /** Objects are complete: loops sync. */
  started: boolean;
}

/** For /configz. */
export function configz(parts: Parts): Readonly<Record<string, unknown>> {
  return toApiObject(parts.current.config);
}

export function gatesOf(parts: Parts): FeatureGates {
  return createFeatureGates(parts.settings.config.featureGates);
}

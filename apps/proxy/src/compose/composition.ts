/** What the proxy needs from the outside world, as interfaces: main.ts passes the real ones, tests their own. */
import type {
  BackendError,
  Clock,
  DesiredState,
  Family,
  Model,
  Result,
  ServicePortChange,
  Source,
} from '@signalbox/core';
import type { WatchConnection } from '@signalbox/kubernetes';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import type {
  Cleaner,
  FamilySupport,
  ModeBackend,
  NodeFacts,
  PacketCounters,
  ProxyMode,
  Successor,
} from '../modes/proxy-mode.ts';
import type { InstanceLock } from '../node/instance-lock.ts';
import type { StateFile } from '../node/state-file.ts';
import type { Sysctl } from '../node/sysctl.ts';
import type { ReportListener } from './measured-client.ts';

export interface ProxyEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  /** Absent: this node. */
  readonly service?: { readonly namespace: string; readonly name: string };
}

/** Kubernetes Events, best effort: never waits, never fails. */
export interface Events {
  record(event: ProxyEvent): void;
}

/** Service ports whose flows have to be looked at, and how things are now. */
export interface FlowTask {
  readonly change: ServicePortChange;
  readonly state: DesiredState;
  /** Also those of Services that no change names, deleted while no proxy ran: at start, and after changes of the node. */
  readonly orphans: boolean;
}

/** Removes flows of connection tracking that no longer lead to an endpoint. */
export interface FlowCleaner {
  /** `change` is in the kernel. `deleted` counts entries; `null`: nothing had to be checked. */
  clean(task: FlowTask): Promise<{ readonly deleted: number; readonly error?: BackendError } | null>;
  close(): void;
}

/** What is left after a removal. */
export interface Leftovers {
  /** What could not be removed, and why; one line for each mode and family. */
  readonly failures: readonly string[];
  /** Objects that stay for their connections. */
  readonly inUse: number;
}

export interface Composition {
  /** Every mode that a configuration may name. */
  readonly modes: readonly ProxyMode[];
  readonly clock: Clock;
  /** Milliseconds since 1970, with fractions: for traces. */
  readonly preciseTime: () => number;
  /** Called once, by a proxy that is to go on whatever happens. */
  reportExceptions(logger: Logger): void;
  createModel(settings: Settings): Model;
  /** Or why there is none, in one line. */
  createSource(settings: Settings, logger: Logger): Promise<SourceBundle | string>;
  /** Kernel settings that the mode needs and that take more rights than its rules; or why it cannot run, in one line. */
  modeSysctls(settings: Settings): Promise<readonly Sysctl[] | string>;
  /** Makes the kernel load nf_conntrack; why it could not, in one line. */
  loadConntrack(): Promise<string | null>;
  /** On Linux, at start: whether another process works on this network namespace. */
  takeInstanceLock(): Promise<InstanceLock>;
  /** Waits for a tool or kernel lock that is only busy, and logs it. */
  probeFamilies(settings: Settings, logger: Logger): Promise<FamilySupport>;
  /** At start, ahead of the backends. `null`: nothing is counted. */
  openCounters(
    settings: Settings,
    families: readonly Family[],
    logger: Logger,
  ): Promise<PacketCounters | null>;
  createBackend(settings: Settings, family: Family, facts: NodeFacts): Promise<ModeBackend>;
  createFlowCleaner(settings: Settings, family: Family): FlowCleaner | null;
  /** Removes what modes other than `successor`, which is that of `settings`, have left; one cleaner after the other. */
  removeLeftovers(settings: Settings, successor: Successor, logger: Logger): Promise<Leftovers>;
  /** The first sync of every family was found in the kernel: of this mode, and again after a change of the mode. */
  firstSyncIsOver(): void;
  /** Gives clients with session affinity that other modes have left to the mode of `settings`. */
  carryAffinity(settings: Settings, states: readonly DesiredState[], logger: Logger): Promise<void>;
  /** Outlives this process; for a family of this network namespace. */
  openStateFile(name: string, family: Family): StateFile;
  /** Every mode of this platform, each family: for `--cleanup`. */
  createCleaners(settings: Settings): readonly Cleaner[];
  /** The Windows service control manager; `null` on other systems. */
  services(): Promise<Services | null>;
  /** With `--windows-service`: this process as a service; a line of text when that fails, `null` when not asked for. */
  startService(settings: Settings): Promise<ServiceControl | string | null>;
}

/** The Windows service control manager, as far as it is used; the real one runs sc.exe. */
export interface Services {
  install(installation: { readonly command: readonly string[] }): Promise<Result<string>>;
  uninstall(): Promise<Result<string>>;
  status(): Promise<Result<string>>;
}

/** The Windows service control manager's side of this process. */
export interface ServiceControl {
  readonly stopRequested: Promise<unknown>;
  finish(status: number): Promise<void>;
}

export interface SourceBundle {
  readonly source: Source;
  readonly events: Events;
  /** Called for every request to the API server, earlier ones included; absent where there is none. */
  readonly onRequest?: (listener: ReportListener) => void;
  /** How the watch of each resource is; absent without an API server. */
  readonly connections?: () => readonly WatchConnection[];
}

export const NO_EVENTS: Events = { record: () => undefined };

/** What the proxy needs from the outside world, as interfaces: main.ts passes the real ones, tests their own. */
import type { IptablesDriver, OnToolNotice } from '@signalbox/backend-iptables';
import type {
  Backend,
  BackendError,
  Clock,
  DesiredState,
  Family,
  Model,
  ServicePortChange,
  Source,
} from '@signalbox/core';
import type { Services } from '../commands/service.ts';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import type { ReportListener } from './measured-client.ts';
import type { Sysctl } from '../node/sysctl.ts';

/** Families whose packet filter works here, and why the others do not. */
export interface FamilySupport {
  readonly families: readonly Family[];
  /** Why a family is missing, one line each. */
  readonly reasons: readonly string[];
  /** What works, but perhaps not as it should; one line each. */
  readonly warnings?: readonly string[];
}

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
  /** What `change` says is in the kernel. `deleted` counts entries; `null`: nothing had to be looked at. */
  clean(task: FlowTask): Promise<{ readonly deleted: number; readonly error?: BackendError } | null>;
  close(): void;
}

/** What a backend may ask about the node when it first syncs. */
export interface NodeFacts {
  /** This node's address; `null` while unknown. */
  nodeIP(family: Family): string | null;
  /** Milliseconds, as last configured. */
  syncPeriod(): number;
  /** `null` where the kernel cannot count, or the mode has no such counters. */
  readonly counters: PacketCounters | null;
  /** For what the operator should know of the node's tools although no call of them fails. */
  readonly onNotice?: OnToolNotice;
}

/** Packets counted by the kernel, since it or the counter was new; `null`: could not be read. */
export interface PacketCounts {
  readonly invalidDropped: number | null;
  readonly localhostNodePorts: number | null;
}

/** Counters in the kernel that rules add to; they outlive the process. */
export interface PacketCounters {
  /**
   * Of the families whose rules may add to them. What the driver has found out about the node's iptables, which
   * takes a second where there are many rules, the backend need not find out again.
   */
  readonly drivers: ReadonlyMap<Family, IptablesDriver>;
  /** Makes what somebody else has removed. */
  ensure(): Promise<void>;
  read(): Promise<PacketCounts>;
  close(): void;
}

export interface Composition {
  readonly clock: Clock;
  /** Called once, by a proxy that is to go on whatever happens. */
  reportExceptions(logger: Logger): void;
  createModel(settings: Settings): Model;
  /** Or why there is none, in one line. */
  createSource(settings: Settings, logger: Logger): Promise<SourceBundle | string>;
  /** Kernel settings that the mode needs and that take more rights than its rules; or why it cannot run, in one line. */
  modeSysctls(settings: Settings): Promise<readonly Sysctl[] | string>;
  /** Makes the kernel load nf_conntrack; why it could not, in one line. */
  loadConntrack(): Promise<string | null>;
  /** Waits a while for what is only busy, and says so. */
  probeFamilies(settings: Settings, logger: Logger): Promise<FamilySupport>;
  /** At start, ahead of the backends. `null`: nothing is counted. */
  openCounters(
    settings: Settings,
    families: readonly Family[],
    logger: Logger,
  ): Promise<PacketCounters | null>;
  createBackend(settings: Settings, family: Family, facts: NodeFacts): Promise<Backend>;
  createFlowCleaner(settings: Settings, family: Family): FlowCleaner | null;
  /** At start: takes away rules of a mode that this one does not live beside. Failures are ignored. */
  removeLeftovers(settings: Settings, logger: Logger): Promise<void>;
  /** Every mode of this platform, each family: for `--cleanup`. */
  createCleaners(settings: Settings): Promise<readonly Backend[]>;
  /** The Windows service control manager; `null` on other systems. */
  services(): Promise<Services | null>;
  /** With `--windows-service`: this process as a service; a line of text when that fails, `null` when not asked for. */
  startService(settings: Settings): Promise<ServiceControl | string | null>;
}

/** The Windows service control manager's side of this process. */
export interface ServiceControl {
  readonly stopRequested: Promise<unknown>;
  finish(status: number): Promise<void>;
}

export interface SourceBundle {
  readonly source: Source;
  readonly events: Events;
  /** Hears of every request to the API server, earlier ones included; absent where there is none. */
  readonly onRequest?: (listener: ReportListener) => void;
}

export const NO_EVENTS: Events = { record: () => undefined };

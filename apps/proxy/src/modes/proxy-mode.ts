/**
 * What a proxy mode is to the app. Types only. One record a mode, in the file of its name; index.ts lists them. Nothing
 * outside this folder tests the name of a mode.
 */
import type { IptablesDriver, KeptRules, OnToolNotice } from '@signalbox/backend-iptables';
import type { AffinityClient } from '@signalbox/backend-kit';
import type { OnConnectionEnd } from '@signalbox/backend-userspace';
import type {
  Backend,
  BackendError,
  CleanupResult,
  Clock,
  DesiredServicePort,
  DesiredState,
  ExternalFailover,
  Family,
  Result,
  ServiceFailure,
  UnusedClusterIPs,
} from '@signalbox/core';
import type { FieldValue } from '../config/kinds.ts';
import type { Report } from '../config/problem.ts';
import type { KubeProxyConfiguration, MasqueradeSection, Platform, SyncSection } from '../config/types.ts';
import type { Logger } from '../logging/logger.ts';
import type { ConnectionCounts } from '../metrics/connection-counts.ts';
import type { LocalNodePortMetrics } from '../metrics/local-node-port-metrics.ts';
import type { MetricGroup } from '../metrics/proxy-metrics.ts';
import type { Sysctl } from '../node/sysctl.ts';

export type { ConnectionRecord, OnConnectionEnd } from '@signalbox/backend-userspace';

export interface ProxyMode {
  /** As in `mode` and in --proxy-mode. */
  readonly name: string;
  readonly platform: Platform;
  readonly configuration: ModeConfiguration;
  /** Where its flows are kept: in the kernel's connection tracking, where stale ones have to be deleted, or in its own tables. */
  readonly flows: 'conntrack' | 'own';
  /** Traffic ends with this process: it waits for open connections before it exits. Absent: the rules stay in the kernel. */
  readonly endsWithProcess?: true;
  /** It works without privileges, where those that other modes need to list and remove their objects may be missing. */
  readonly worksUnprivileged?: true;
  /** It makes external and load-balancer IPs addresses of the node: packets of the node itself to them go no further. */
  readonly bindsExternalAddresses?: true;
  /** `loadBalancerSourceRanges` have no effect: every source may connect. */
  readonly ignoresSourceRanges?: true;
  /** S66: what it can do besides its default. Absent: everything. */
  readonly externalFailovers?: readonly ExternalFailover[];
  /** Metrics that it has besides those of every mode. */
  readonly metrics: readonly MetricGroup[];
  /** For `explain`: what its rules do with packets to cluster IPs that are for no Service (S43). */
  readonly unusedClusterIPs: UnusedClusterIPs;
  /** Which families work on this node, and why the others do not. Waits a while for what is only busy, and logs it. */
  probe(settings: ModeSettings, logger: Logger): Promise<FamilySupport>;
  /** Kernel settings that it needs and that take more rights than its rules; or why it cannot run, in one line. */
  sysctls(settings: ModeSettings): Promise<readonly Sysctl[] | string>;
  /** At start, ahead of the backends; absent where nothing is counted. `null`: nothing can be counted. */
  openCounters?(families: readonly Family[], logger: Logger): Promise<PacketCounters | null>;
  /** For node ports at loopback addresses that its rules do not serve: a data path in this process. Absent: they are not served. */
  readonly localNodePorts?: LocalNodePortsAccess;
  createBackend(settings: ModeSettings, family: Family, facts: NodeFacts): Promise<ModeBackend>;
  /**
   * For what it may have left on this node, of each family, in the order in which they have to run. `successor`: the mode that
   * runs, perhaps this one; absent: none will.
   */
  cleaners(settings: ModeSettings, successor?: Successor): readonly Cleaner[];
  /** Clients with session affinity in the kernel. Absent: this mode keeps them where other processes do not find them. */
  readonly affinity?: AffinityAccess;
  /** What the cleaners would remove, one line for each kind of object; reads only. Absent: nothing. */
  survey?(settings: ModeSettings): Promise<readonly string[] | BackendError>;
  /** How endpoints are chosen, where they do not get equal shares of the connections. */
  balancing?(config: KubeProxyConfiguration): string | null;
}

export interface ModeBackend extends Backend {
  /** Its rules in tables of iptables, for the cleaners of other modes; absent: it has none. */
  readonly rules?: () => Promise<KeptRules | BackendError>;
  /** Why a new backend would program another part of the kernel; `null`: it would not. Absent: never. */
  readonly whyOutdated?: () => Promise<string | null>;
  /** Connections that pass through this process; absent: none do. */
  readonly connectionCounts?: () => Promise<ConnectionCounts>;
  /** Packets to node ports at loopback addresses that its rules rejected, by protocol; absent: they reject none. */
  readonly rejectedPackets?: () => Promise<ReadonlyMap<string, number>>;
}

/** Session affinity of clients, for a change of the mode. */
export interface AffinityAccess {
  /** Of these service ports, from objects of this mode that an earlier process left. */
  read(family: Family, services: readonly DesiredServicePort[]): Promise<Result<readonly AffinityClient[]>>;
  /** Adds clients to objects that the rules of this mode use. Absent: the kernel does not permit it. */
  write?(family: Family, clients: readonly AffinityClient[]): Promise<BackendError | null>;
}

/** The mode that runs while what others have left is removed. */
export interface Successor {
  readonly mode: string;
  /** Its rules in tables of iptables; `null`: none of this family. */
  rules(family: Family): KeptRules | null;
  /** Objects that connections use stay for now, where the kernel keeps connections in objects of the mode. */
  readonly keepConnections: boolean;
}

export interface LocalNodePortsAccess {
  /** If not, a configuration that names loopback addresses is answered by a warning. */
  isEnabled(config: KubeProxyConfiguration): boolean;
  open(family: Family, parts: LocalNodePortsParts): LocalNodePorts;
}

export interface LocalNodePortsParts {
  /** As last configured. */
  readonly config: () => KubeProxyConfiguration;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: LocalNodePortMetrics;
}

/** Serves node ports at 127.0.0.1 or ::1, one family each. */
export interface LocalNodePorts {
  /** After each sync that did not fail: node ports, their endpoints and affinity are those of this state from now on. */
  sync(state: DesiredState): Promise<void>;
  /** Of the last attempt: node ports that could not be opened, for example because another process has the port. */
  failures(): readonly ServiceFailure[];
  close(): Promise<void>;
}

/** Removes what a mode may have left on this node, in an earlier run or by kube-proxy. */
export interface Cleaner {
  readonly mode: string;
  /** `null`: its objects are of both. */
  readonly family: Family | null;
  /** Opens what it needs, and closes it again. */
  readonly clean: () => Promise<CleanupResult>;
}

export interface ModeConfiguration {
  /** The section whose `syncPeriod` and `minSyncPeriod` count. */
  readonly periods: SyncSection;
  /** What the names of the flags that set them begin with. */
  readonly periodFlags: SyncSection;
  /** The section whose `masqueradeAll` and `masqueradeBit` count. */
  readonly masquerade: MasqueradeSection;
  /** The section that only this mode reads: what is in it is checked only in this mode. */
  readonly ownSection?: keyof KubeProxyConfiguration;
  /** What to report at start when the mode was chosen by default. */
  readonly whenDefaulted?: string;
  /** Completes fields whose default depends on the mode. */
  applyDefaults?(config: KubeProxyConfiguration): void;
  /** Reports what is wrong in this mode beyond the checks of single fields. */
  validate?(config: KubeProxyConfiguration, report: Report): void;
  /** Whether node ports answer at loopback addresses. */
  localhostNodePorts(config: KubeProxyConfiguration): boolean;
  /** Fields whose changes a running proxy applies in general, but whose change from `before` to `after` needs a restart. */
  startOnly?(before: KubeProxyConfiguration, after: KubeProxyConfiguration): readonly string[];
}

/** What a mode reads of the settings. */
export interface ModeSettings {
  readonly config: KubeProxyConfiguration;
  /** Flags that were given. */
  readonly given: ReadonlyMap<string, FieldValue>;
  readonly initOnly: boolean;
}

/** Families that a mode can serve on this node, and why the others do not work. */
export interface FamilySupport {
  readonly families: readonly Family[];
  /** Why a family is missing, one line each. */
  readonly reasons: readonly string[];
  /** What works, but perhaps not as it should; one line each. */
  readonly warnings?: readonly string[];
}

/** Calls `write`, which changes the kernel, and records when it began and ended. */
export type MeasureWrite = <T>(write: () => Promise<T>) => Promise<T>;

/** What a backend may ask about the node when it first syncs. */
export interface NodeFacts {
  /** This node's address; `null` while unknown. */
  nodeIP(family: Family): string | null;
  /** Milliseconds, as last configured. */
  syncPeriod(): number;
  /** `null` where the kernel cannot count, or the mode has no such counters. */
  readonly counters: PacketCounters | null;
  /** For traces; absent: writes are not measured. */
  readonly measureWrite?: MeasureWrite;
  /** For connections that pass through this process; absent: no records are collected. */
  readonly onConnectionEnd?: OnConnectionEnd;
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
  /** Makes what another process has removed. */
  ensure(): Promise<void>;
  read(): Promise<PacketCounts>;
  close(): void;
}

/** The kernel, as the backend sees it. Everything that waits is behind this; a test puts a fake in its place. */
import type { BackendError, Drift, Result } from '@signalbox/core';
import type { KeptRules, ListedChain } from '@signalbox/iptables';
import type { Observed } from '../objects/kernel-state.ts';
import type { Operation } from '../objects/operation.ts';
import type { PacketFilter, ObsoleteRules } from '../objects/packet-filter.ts';
import type { RealServerKey, RealServerStatus } from '../objects/real-server.ts';
import type { VirtualServer, VirtualServerKey } from '../objects/virtual-server.ts';

/** What one operation did not achieve. */
export interface OperationFailure {
  readonly error: BackendError;
  /** Position of the refused entry in a set operation, else 0. The other entries are in. */
  readonly index: number;
}

/** Idle time limits of connections in seconds; 0 or absent: the kernel's stays. */
export interface IpvsTimeoutOptions {
  /** Seconds without a packet until an established TCP connection expires. */
  readonly tcp?: number;
  /** Seconds until a TCP connection expires after a FIN. */
  readonly tcpFin?: number;
  /** Seconds without a packet until a UDP connection expires. */
  readonly udp?: number;
}

/** Reads and writes IPVS, ipset, the device and the packet filter, for one family. */
export interface IpvsDriver {
  /** `uname -r`. */
  kernelRelease(): string;
  /** Whether the iptables of the node supports `--random-fully`. */
  hasRandomFully(): Promise<Result<boolean>>;
  /** Value of /proc/sys/`name`, without the newline. */
  readSysctl(name: string): Promise<Result<string>>;
  /** Errors: `not-found` if the kernel has no such setting, else `not-permitted`. */
  writeSysctl(name: string, value: string): Promise<BackendError | null>;
  /** Makes sure that IPVS, ipset and the scheduler work, loading kernel modules if it must (IPVS1). */
  probe(scheduler: string): Promise<BackendError | null>;
  /** For all connections of the network namespace (IPVS_CMD_SET_CONFIG), in whole seconds. */
  setTimeouts(timeouts: IpvsTimeoutOptions): Promise<BackendError | null>;
  /** Loads no kernel module: where IPVS is not loaded there are no virtual servers. */
  observe(): Promise<Result<Observed>>;
  /** How the rules in the kernel differ from those of `packetFilter`. */
  packetFilterDrift(packetFilter: PacketFilter): Promise<Result<readonly Drift[]>>;
  /** The chains that differ, in the kernel and as they should be. */
  packetFilterDifference(packetFilter: PacketFilter): Promise<Result<readonly ListedChain[]>>;
  /** Real servers with their connection counts; none for a virtual server that is not there. */
  status(
    servers: readonly VirtualServer[],
  ): Promise<Result<ReadonlyMap<VirtualServerKey, ReadonlyMap<RealServerKey, RealServerStatus>>>>;
  /** Does all of them in order, whatever becomes of each; failures per operation, empty for a success. */
  apply(operations: readonly Operation[]): Promise<readonly (readonly OperationFailure[])[]>;
  /** Removes jumps and chains that exist, in both variants of iptables, but for `kept`; returns which. */
  removeRules(remains: ObsoleteRules, kept?: KeptRules | null): Promise<Result<readonly string[]>>;
  /** Calls back when kube-ipvs0 or one of its addresses is removed; the returned function stops it. `onProblem`: as in `Backend`. */
  watch?(onDrift: (what: string) => void, onProblem?: (problem: BackendError) => void): () => void;
  /** Closes sockets and the iptables driver; objects in the kernel stay. */
  close(): Promise<void>;
}

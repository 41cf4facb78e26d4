/** The JSON returned by the debug routes of the metrics address; schema/debug.schema.json describes the same. */
import type {
  BackendErrorCode,
  Drift,
  Family,
  KernelService,
  ServiceDescription,
  ServicePortKey,
  SyncResult,
} from '@signalbox/core';

export interface ErrorAnswer {
  readonly code: BackendErrorCode;
  readonly operation: string;
  readonly message: string;
}

/** A service port (or another object) that the last sync could not program. */
export interface FailureAnswer extends ErrorAnswer {
  readonly family: Family;
  readonly key: ServicePortKey;
}

/** `items`: the first of them. */
export interface Excerpt<T> {
  readonly total: number;
  readonly items: readonly T[];
}

export interface SyncAnswer {
  /** RFC 3339, of its start. */
  readonly time: string;
  readonly milliseconds: number;
  readonly family: Family;
  readonly mode: string;
  /** Why it ran: `change`, `period`, `drift: …`. */
  readonly reason: string;
  readonly outcome: SyncResult['outcome'];
  readonly scope: SyncResult['scope'];
  readonly counters: SyncResult['counters'];
  readonly repaired: Excerpt<Drift>;
  readonly failures: Excerpt<FailureAnswer>;
  readonly error: ErrorAnswer | null;
}

/** The kernel objects of one Service in one family. */
export interface KernelAnswer {
  readonly family: Family;
  readonly mode: string;
  /** Null if it could not be read. */
  readonly servicePorts: Readonly<Record<ServicePortKey, KernelService>> | null;
  readonly error: ErrorAnswer | null;
}

export interface ServiceAnswer {
  readonly description: ServiceDescription;
  /** The most important fact, in one line. */
  readonly diagnosis: string;
  /** The description has no error, nothing was refused, and the kernel has all programmed objects. */
  readonly served: boolean;
  /** Of its service ports, in the last sync of each family. Null where no proxy runs. */
  readonly failures: readonly FailureAnswer[] | null;
  /** Null if the mode cannot inspect the kernel, or where no proxy runs. */
  readonly kernel: readonly KernelAnswer[] | null;
}

export interface ServiceSummary {
  readonly namespace: string;
  readonly name: string;
  readonly type: string | null;
  readonly served: boolean;
  readonly diagnosis: string;
  readonly clusterIPs: readonly string[];
  /** Distinct addresses, used and all. */
  readonly endpoints: { readonly used: number; readonly total: number };
}

export interface DifferenceAnswer {
  readonly families: readonly {
    readonly family: Family;
    readonly mode: string;
    /** Empty: no difference. Null if the mode cannot compare, or `error`. */
    readonly lines: readonly string[] | null;
    readonly error: ErrorAnswer | null;
  }[];
}

export interface FamilyStatus {
  readonly family: Family;
  /** No change has been waiting for more than two sync periods. */
  readonly healthy: boolean;
  /** The rules of the first sync were found in the kernel. */
  readonly verified: boolean;
  readonly servicePorts: number;
  readonly endpoints: number;
  /** Of this node, at which node ports are served. */
  readonly nodePortAddresses: readonly string[];
  /** Service ports that the kernel or its tool refused, and node ports that could not be opened at a loopback address. */
  readonly refused: readonly FailureAnswer[];
  /** Objects repaired since the start, by kind of drift. */
  readonly repaired: Readonly<Record<Drift['kind'], number>>;
  readonly lastSync: SyncAnswer | null;
}

interface ConnectionStatus {
  readonly resource: string;
  /** RFC 3339 of the last answer, event or bookmark; null before the first. */
  readonly lastContact: string | null;
  readonly ageSeconds: number | null;
  /** Null while it is connected. */
  readonly error: string | null;
}

export interface StatusAnswer {
  readonly mode: string;
  readonly node: string;
  readonly version: string;
  readonly startedAt: string;
  /** `waiting`: the start is not complete; `waitingFor` has the reasons. `degraded`: `problems` has them. */
  readonly state: 'ready' | 'waiting' | 'degraded';
  readonly waitingFor: readonly string[];
  readonly problems: readonly string[];
  readonly families: readonly FamilyStatus[];
  readonly services: {
    /** All Services received, served or not. */
    readonly total: number;
    /** With a service port in the desired state. */
    readonly programmed: number;
    readonly refused: number;
    /** With a service port that rejects in a family, because no endpoint is usable. */
    readonly withoutEndpoints: number;
    /** That lost an address to another Service. */
    readonly conflicting: number;
  };
  /** Null with `--manifests`. */
  readonly api: { readonly connected: boolean; readonly resources: readonly ConnectionStatus[] } | null;
}

/**
 * The interface of a proxy mode. Types only. Reasons: decisions/0003-backend.md.
 *
 * A backend serves one IP family. Calls never overlap: the caller waits for one to settle before the next.
 * No method throws or rejects for a reason outside the program: failures are values.
 */
import type { DesiredChange } from './desired/desired-change.ts';
import type { BackendError } from './errors.ts';
import type { BalancingAlgorithm } from './model/balancing.ts';
import type { Family } from './model/family.ts';
import type { ServicePortKey } from './model/service-port-name.ts';

/** A service port (or another named object) that could not be programmed while the rest was. */
export interface ServiceFailure {
  /** `ServicePortKey`, or the object's own name where the failure is not of one service port. */
  readonly key: ServicePortKey;
  readonly error: BackendError;
}

/** Counts of one sync; for metrics and tests. Names are the backend's own, documented in its package. */
export type SyncCounters = Readonly<Record<string, number>>;

/** Result of `sync`. */
export interface SyncResult {
  /**
   * - `ok`: the kernel equals the desired state.
   * - `partial`: it equals the desired state except for `failures`.
   * - `failed`: see `error`; the previous rules are in place or, if `error.kernel` is unknown, some of the new.
   */
  readonly outcome: 'ok' | 'partial' | 'failed';
  /** `full`: everything was compared or written; `partial`: only what changed; `none`: nothing to do. */
  readonly scope: 'full' | 'partial' | 'none';
  /** Objects that are not programmed as desired, whichever change they came with; empty with `ok`. */
  readonly failures: readonly ServiceFailure[];
  /** Only with `failed`. */
  readonly error?: BackendError;
  /** Kernel objects that another process had modified and this sync has written again. */
  readonly repaired: readonly Drift[];
  readonly counters: SyncCounters;
}

/** A difference between the kernel and the desired state. */
export interface Drift {
  readonly kind: 'missing' | 'altered' | 'stale';
  /** The tool's term: `chain`, `rule`, `set`, `virtual server`, `load balancer`. */
  readonly type: string;
  /** As the tool lists it; empty where there is one object of this type only. */
  readonly name: string;
  /** The object that holds it: a table, a set, a virtual server, a device. */
  readonly within?: string;
}

/** Result of `observe`. */
export type Observation =
  | { readonly outcome: 'ok'; readonly drift: readonly Drift[] }
  | { readonly outcome: 'failed'; readonly error: BackendError };

/** One object of the kernel that carries traffic of a service port. */
export interface KernelObject {
  /** The tool's term, as in `Drift`. */
  readonly type: string;
  /** As the tool lists it. */
  readonly name: string;
  /** The object that contains it: a table, a set, a virtual server, a device. */
  readonly within?: string;
  /** `held`: as desired. `missing` and `altered`: as in `Drift`. */
  readonly state: 'held' | 'missing' | 'altered';
}

/** Connections that the kernel counted to one endpoint since it created the object that counts them. */
export interface EndpointCount {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  /** Open now, or being opened. Absent where the mode does not know. */
  readonly active?: number;
  /** Why it is skipped for new connections: `ejected` after consecutive failures, `unhealthy` by checks. Absent: it is not. */
  readonly state?: 'ejected' | 'unhealthy';
  /** Of an ejected one: until it is used again. */
  readonly ejectedSeconds?: number;
}

/** A limit of the connections of one service port, from an annotation of the Service. */
export interface LimitUsage {
  /** `connections`, `pending connects`, `retries`. */
  readonly name: string;
  /** Connections that count towards the limit at this time. */
  readonly now: number;
  /** `null`: unlimited. */
  readonly limit: number | null;
  /** Connections that were refused at the limit. */
  readonly refused: number;
}

/** What the kernel holds for one service port. */
export interface KernelService {
  readonly objects: readonly KernelObject[];
  /** Empty where the mode does not count connections; an endpoint without a counter is absent. */
  readonly endpoints: readonly EndpointCount[];
  /** Absent: no annotation limits the connections, or the mode has no limits. */
  readonly limits?: readonly LimitUsage[];
}

/** Result of `inspect`. A service port without kernel objects is absent. */
export type Inspection =
  | { readonly outcome: 'ok'; readonly servicePorts: ReadonlyMap<ServicePortKey, KernelService> }
  | { readonly outcome: 'failed'; readonly error: BackendError };

/**
 * Result of `difference`. Lines in the syntax of the tool that lists the objects: a header for each object that differs, then `-`
 * before a line that only the kernel holds and `+` before a line that the kernel lacks. Empty: no difference.
 */
export type Difference =
  | { readonly outcome: 'ok'; readonly lines: readonly string[] }
  | { readonly outcome: 'failed'; readonly error: BackendError };

/** Result of `cleanup`. */
export type CleanupResult =
  /**
   * `removed`: one line per kind of object taken away; empty when there was nothing. `inUse`: so many objects stay as long as
   * connections use them, where the caller requested that.
   */
  | { readonly outcome: 'ok'; readonly removed: readonly string[]; readonly inUse?: number }
  | { readonly outcome: 'failed'; readonly error: BackendError };

/** How a mode chooses endpoints. */
export interface BalancingSupport {
  /** A service port with another one is programmed with the default (`validatedSync`). */
  readonly algorithms: readonly BalancingAlgorithm[];
  /** What service ports without an algorithm have, in a word: `random`. */
  readonly default: string;
  /** Whether endpoints get shares in proportion to their weights; else equal shares. */
  readonly weights: boolean;
  /** Whether it applies the limits and checks of `DesiredServicePort.connections`; absent: no. */
  readonly connections?: true;
  /** Whether it writes the header of `DesiredServicePort.proxyProtocol`; absent: no. */
  readonly proxyProtocol?: true;
}

/** One proxy mode for one IP family; the rules of all its calls are at the top of this file. */
export interface Backend {
  /** The proxy mode: `iptables`. */
  readonly mode: string;
  readonly family: Family;

  /**
   * Makes the kernel hold the desired state after `change`. The change is recorded whatever the outcome:
   * after a failure call again with the next change, or an empty one, and the backend programs what is missing.
   *
   * The change is checked first (desired/validate-change.ts). A service port or health check that does not fit the
   * contract gets no rules and is one of the `failures`; a change that is malformed as a whole is not recorded and
   * fails with code `rejected`, operation `sync` and the field.
   */
  sync(change: DesiredChange): Promise<SyncResult>;

  /** Removes every object of this mode and family from the kernel, and nothing else. Needs no earlier `sync`. */
  cleanup(): Promise<CleanupResult>;

  /** Compares the kernel with the last desired state; changes nothing. */
  observe(): Promise<Observation>;

  /** Absent: only the default, without weights. It may depend on the kernel, so that it is complete after the first `sync`. */
  readonly balancing?: () => BalancingSupport;

  /** `observe` may run during a sync; its result may then be out of date. All other calls must not overlap. */
  readonly observesBesideSync?: boolean;

  /**
   * Calls `onDrift` soon after the kernel's objects were modified by another process, where the kernel reports it
   * or a cheap check can be made; the caller then calls `sync`. Returns the undo. Absent where impossible.
   * `onProblem`: the watch or a verification failed, so changes may be found late or not at all; called once
   * for each outage, not at each attempt to start the watch again.
   */
  watch?(onDrift: (what: string) => void, onProblem?: (problem: BackendError) => void): () => void;

  /**
   * The kernel objects of these service ports (`null`: of all) and the connections counted so far. Only reads; may run beside a
   * sync, and its result may then be out of date; never delays a sync.
   */
  inspect?(keys: readonly ServicePortKey[] | null): Promise<Inspection>;

  /** Compares the kernel with the last desired state as text. Only reads; may run beside a sync, as `inspect`. */
  difference?(): Promise<Difference>;

  /** Closes sockets and ends child processes. The rules stay. */
  close(): Promise<void>;
}

/** The result of a sync that had nothing to do: `ok`, scope `none`, no failures, repairs or counters. */
export const NOTHING_DONE: SyncResult = {
  outcome: 'ok',
  scope: 'none',
  failures: [],
  repaired: [],
  counters: {},
};

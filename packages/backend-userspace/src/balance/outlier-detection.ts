/**
 * Which endpoints of one service port are skipped for a time: those with consecutive failures (ejected) and those that fail
 * checks (unhealthy). Pure: time is an argument.
 */
import type { DesiredEndpoint, EndpointCount } from '@signalbox/core';
import { endpointName } from './endpoint-name.ts';

/** As in Envoy: an ejection lasts 30 s, times the number of ejections in a row. */
export const DEFAULT_OUTLIER_FAILURES = 5;
const EJECTION_MS = 30_000;
const LONGEST_EJECTION_MS = 300_000;

/** As the probes of pods. */
const UNHEALTHY_CHECKS = 3;

export interface OutlierDetector {
  /** The endpoints to choose from: the same array while nothing changes, and all if more than half would be skipped. */
  readonly available: (endpoints: readonly DesiredEndpoint[], now: number) => readonly DesiredEndpoint[];
  /** `overflow`: not ejected, because half of the endpoints are. */
  readonly failed: (endpoint: DesiredEndpoint, failure: Failure) => 'ejected' | 'overflow' | null;
  readonly succeeded: (endpoint: DesiredEndpoint) => void;
  /** It has failures that a success would clear. */
  readonly hasFailures: (endpoint: DesiredEndpoint) => boolean;
  readonly checked: (endpoint: DesiredEndpoint, isHealthy: boolean, now: number) => void;
  /** Discards the checks of all other endpoints. */
  readonly keepChecked: (endpoints: readonly DesiredEndpoint[]) => void;
  readonly skipped: (now: number) => readonly SkippedEndpoint[];
}

interface Failure {
  /** All endpoints of the route. */
  readonly among: readonly DesiredEndpoint[];
  /** Consecutive failures that eject; 0: none do. */
  readonly threshold: number;
  readonly now: number;
}

type SkippedEndpoint = Omit<EndpointCount, 'connections' | 'active'>;

export interface Health {
  failures: number;
  /** In a row, which decide how long the next one lasts. */
  ejections: number;
  /** `null`: not ejected now. */
  ejectedUntil: number | null;
  /** When the last ejection ended, or will end. */
  endedAt: number;
  failedChecks: number;
}

/** The endpoints with a failure so far. */
export interface HealthStore {
  readonly isEmpty: boolean;
  /** Changes when an endpoint is skipped, or no longer is. */
  readonly version: number;
  changed(): void;
  find(endpoint: DesiredEndpoint): Health | undefined;
  make(endpoint: DesiredEndpoint, now: number): Health;
  all(): Iterable<readonly [DesiredEndpoint, Health]>;
}

/** Endpoints to choose from. */
interface View {
  readonly version: number;
  /** Valid from, and until. */
  readonly since: number;
  readonly until: number;
  readonly left: readonly DesiredEndpoint[];
}

export function createOutlierDetector(store: HealthStore = createHealthStore()): OutlierDetector {
  const views = new WeakMap<readonly DesiredEndpoint[], View>();
  return {
    available(endpoints, now) {
      if (store.isEmpty) return endpoints;
      const known = views.get(endpoints);
      const isValid =
        known !== undefined && known.version === store.version && now >= known.since && now < known.until;
      const view = isValid ? known : viewOf(store, endpoints, now);
      views.set(endpoints, view);
      return view.left;
    },
    failed: (endpoint, failure) => failed(store, endpoint, failure),
    succeeded(endpoint) {
      const health = store.find(endpoint);
      if (health !== undefined) health.failures = 0;
    },
    hasFailures: (endpoint) => !store.isEmpty && (store.find(endpoint)?.failures ?? 0) > 0,
    checked(endpoint, isHealthy, now) {
      const known = store.find(endpoint);
      if (isHealthy && known === undefined) return;
      const health = known ?? store.make(endpoint, now);
      setFailedChecks(store, health, isHealthy ? 0 : health.failedChecks + 1);
    },
    keepChecked(endpoints) {
      if (store.isEmpty) return;
      const kept = new Set(endpoints.map(endpointName));
      for (const [endpoint, health] of store.all())
        if (!kept.has(endpointName(endpoint))) setFailedChecks(store, health, 0);
    },
    skipped: (now) =>
      [...store.all()]
        .filter(([, health]) => isSkipped(store, health, now))
        .map(([endpoint, health]) => skippedOf(endpoint, health, now)),
  };
}

function viewOf(store: HealthStore, endpoints: readonly DesiredEndpoint[], now: number): View {
  let until = Number.POSITIVE_INFINITY;
  const left = endpoints.filter((each) => {
    const health = store.find(each);
    if (health === undefined || !isSkipped(store, health, now)) return true;
    until = Math.min(until, health.ejectedUntil ?? until);
    return false;
  });
  const isAll = left.length === endpoints.length || left.length * 2 < endpoints.length;
  // After the search, which may end ejections.
  return { version: store.version, since: now, until, left: isAll ? endpoints : left };
}

function failed(
  store: HealthStore,
  endpoint: DesiredEndpoint,
  failure: Failure,
): 'ejected' | 'overflow' | null {
  const { among, threshold, now } = failure;
  if (threshold === 0) return null;
  const health = store.find(endpoint) ?? store.make(endpoint, now);
  readmit(store, health, now);
  health.failures++;
  // Failures of connections that began before the ejection.
  if (health.ejectedUntil !== null || health.failures < threshold) return null;
  const ejected = among.filter((each) => {
    const other = store.find(each);
    return other !== undefined && isSkipped(store, other, now);
  });
  if ((ejected.length + 1) * 2 > among.length) return 'overflow';
  const without = Math.max(0, Math.floor((now - health.endedAt) / EJECTION_MS));
  health.ejections = Math.max(0, health.ejections - without) + 1;
  health.endedAt = now + Math.min(LONGEST_EJECTION_MS, health.ejections * EJECTION_MS);
  health.ejectedUntil = health.endedAt;
  health.failures = 0;
  store.changed();
  return 'ejected';
}

function isSkipped(store: HealthStore, health: Health, now: number): boolean {
  readmit(store, health, now);
  return health.ejectedUntil !== null || health.failedChecks >= UNHEALTHY_CHECKS;
}

/** Ends an ejection that is over; also one that a clock set back would prolong. */
function readmit(store: HealthStore, health: Health, now: number): void {
  const { ejectedUntil } = health;
  if (ejectedUntil === null) return;
  if (now < ejectedUntil && ejectedUntil - now <= LONGEST_EJECTION_MS) return;
  health.ejectedUntil = null;
  store.changed();
}

function setFailedChecks(store: HealthStore, health: Health, failedChecks: number): void {
  const isChange = health.failedChecks >= UNHEALTHY_CHECKS !== failedChecks >= UNHEALTHY_CHECKS;
  health.failedChecks = failedChecks;
  if (isChange) store.changed();
}

function skippedOf(
  { address, port }: DesiredEndpoint,
  { ejectedUntil, failedChecks }: Health,
  now: number,
): SkippedEndpoint {
  if (ejectedUntil === null || failedChecks >= UNHEALTHY_CHECKS) return { address, port, state: 'unhealthy' };
  return { address, port, state: 'ejected', ejectedSeconds: Math.ceil((ejectedUntil - now) / 1000) };
}

const FIRST_SWEEP = 64;

export function createHealthStore(): HealthStore {
  const known = new Map<string, readonly [DesiredEndpoint, Health]>();
  const state = { version: 0, sweepAt: FIRST_SWEEP };
  /** Endpoints that were deleted stay known: those without a recent ejection are removed each time their number has doubled. */
  const sweep = (now: number): void => {
    for (const [name, [, { ejectedUntil, endedAt, failedChecks }]] of known) {
      const isOut = ejectedUntil !== null || failedChecks >= UNHEALTHY_CHECKS;
      if (!isOut && now - endedAt > LONGEST_EJECTION_MS) known.delete(name);
    }
    state.sweepAt = Math.max(FIRST_SWEEP, known.size * 2);
  };
  return {
    get isEmpty() {
      return known.size === 0;
    },
    get version() {
      return state.version;
    },
    changed: () => void state.version++,
    find: (endpoint) => known.get(endpointName(endpoint))?.[1],
    make(endpoint, now) {
      if (known.size >= state.sweepAt) sweep(now);
      const health = { failures: 0, ejections: 0, ejectedUntil: null, endedAt: now, failedChecks: 0 };
      known.set(endpointName(endpoint), [endpoint, health]);
      return health;
    },
    all: () => known.values(),
  };
}

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

interface Health {
  readonly endpoint: DesiredEndpoint;
  failures: number;
  /** In a row, which decide how long the next one lasts. */
  ejections: number;
  /** `null`: not ejected now. */
  ejectedUntil: number | null;
  /** When the last ejection ended, or will end. */
  endedAt: number;
  failedChecks: number;
}

interface State {
  readonly known: Map<string, Health>;
  /** Those of `known` that are skipped. */
  readonly out: Map<string, Health>;
  /** Valid until the next change of `out`. */
  filtered: WeakMap<readonly DesiredEndpoint[], readonly DesiredEndpoint[]>;
  sweepAt: number;
}

const FIRST_SWEEP = 64;

export function createOutlierDetector(): OutlierDetector {
  const state: State = { known: new Map(), out: new Map(), filtered: new WeakMap(), sweepAt: FIRST_SWEEP };
  return {
    available(endpoints, now) {
      readmit(state, now);
      if (state.out.size === 0) return endpoints;
      const known = state.filtered.get(endpoints) ?? withoutSkipped(state, endpoints);
      state.filtered.set(endpoints, known);
      return known;
    },
    failed: (endpoint, failure) => failed(state, endpoint, failure),
    succeeded(endpoint) {
      const health = state.known.get(endpointName(endpoint));
      if (health !== undefined) health.failures = 0;
    },
    hasFailures: (endpoint) =>
      state.known.size > 0 && (state.known.get(endpointName(endpoint))?.failures ?? 0) > 0,
    checked(endpoint, isHealthy, now) {
      if (isHealthy && !state.known.has(endpointName(endpoint))) return;
      const health = healthOf(state, endpoint, now);
      health.failedChecks = isHealthy ? 0 : health.failedChecks + 1;
      refresh(state, health);
    },
    keepChecked(endpoints) {
      if (state.known.size === 0) return;
      const kept = new Set(endpoints.map(endpointName));
      for (const [name, health] of state.known) {
        if (kept.has(name)) continue;
        health.failedChecks = 0;
        refresh(state, health);
      }
    },
    skipped(now) {
      readmit(state, now);
      return [...state.out.values()].map((health) => skippedOf(health, now));
    },
  };
}

function withoutSkipped({ out }: State, endpoints: readonly DesiredEndpoint[]): readonly DesiredEndpoint[] {
  const left = endpoints.filter((each) => !out.has(endpointName(each)));
  if (left.length === endpoints.length) return endpoints;
  return left.length * 2 < endpoints.length ? endpoints : left;
}

function failed(state: State, endpoint: DesiredEndpoint, failure: Failure): 'ejected' | 'overflow' | null {
  const { among, threshold, now } = failure;
  if (threshold === 0) return null;
  readmit(state, now);
  const health = healthOf(state, endpoint, now);
  health.failures++;
  // Failures of connections that began before the ejection.
  if (health.ejectedUntil !== null || health.failures < threshold) return null;
  const ejected = among.filter((each) => state.out.has(endpointName(each))).length;
  if ((ejected + 1) * 2 > among.length) return 'overflow';
  const without = Math.max(0, Math.floor((now - health.endedAt) / EJECTION_MS));
  health.ejections = Math.max(0, health.ejections - without) + 1;
  health.endedAt = now + Math.min(LONGEST_EJECTION_MS, health.ejections * EJECTION_MS);
  health.ejectedUntil = health.endedAt;
  health.failures = 0;
  refresh(state, health);
  return 'ejected';
}

/** Ends the ejections that are over; also those that a clock set back would prolong. */
function readmit(state: State, now: number): void {
  for (const health of state.out.values()) {
    if (health.ejectedUntil === null) continue;
    if (now < health.ejectedUntil && health.ejectedUntil - now <= LONGEST_EJECTION_MS) continue;
    health.ejectedUntil = null;
    refresh(state, health);
  }
}

/** Records whether the endpoint is skipped. */
function refresh(state: State, health: Health): void {
  const name = endpointName(health.endpoint);
  const isOut = health.ejectedUntil !== null || health.failedChecks >= UNHEALTHY_CHECKS;
  if (isOut === state.out.has(name)) return;
  if (isOut) state.out.set(name, health);
  else state.out.delete(name);
  state.filtered = new WeakMap();
}

function healthOf(state: State, endpoint: DesiredEndpoint, now: number): Health {
  const name = endpointName(endpoint);
  const found = state.known.get(name);
  if (found !== undefined) return found;
  if (state.known.size >= state.sweepAt) sweep(state, now);
  const health: Health = {
    endpoint,
    failures: 0,
    ejections: 0,
    ejectedUntil: null,
    endedAt: now,
    failedChecks: 0,
  };
  state.known.set(name, health);
  return health;
}

/** Endpoints that were deleted stay known: those without a recent ejection are removed each time their number has doubled. */
function sweep(state: State, now: number): void {
  for (const [name, { endedAt }] of state.known) {
    if (!state.out.has(name) && now - endedAt > LONGEST_EJECTION_MS) state.known.delete(name);
  }
  state.sweepAt = Math.max(FIRST_SWEEP, state.known.size * 2);
}

function skippedOf({ endpoint, ejectedUntil, failedChecks }: Health, now: number): SkippedEndpoint {
  const { address, port } = endpoint;
  if (ejectedUntil === null || failedChecks >= UNHEALTHY_CHECKS) return { address, port, state: 'unhealthy' };
  return { address, port, state: 'ejected', ejectedSeconds: Math.ceil((ejectedUntil - now) / 1000) };
}

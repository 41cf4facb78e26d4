/** State of one service port in the data path: its balancer, the limits of its connections, the health of its endpoints. */
import type { Clock, DesiredEndpoint, DesiredServicePort, EndpointCount, LimitUsage } from '@signalbox/core';
import { createCircuitBreaker, type Admission, type Limit } from '../balance/circuit-breaker.ts';
import { endpointName } from '../balance/endpoint-name.ts';
import {
  createOutlierDetector,
  DEFAULT_OUTLIER_FAILURES,
  type OutlierDetector,
} from '../balance/outlier-detection.ts';
import { createUpstreamState, type UpstreamState } from '../balance/upstream-state.ts';
import { createBalancer } from '../compile/load-balancing.ts';
import type { UpstreamCounts } from './userspace-driver.ts';

type Policies = Pick<DesiredServicePort, 'affinity' | 'balancing' | 'connections'>;

/** A client and the endpoints of its route. */
export interface Choice {
  readonly policies: Policies;
  readonly endpoints: readonly DesiredEndpoint[];
  readonly client: string;
}

interface Chosen {
  readonly candidates: readonly DesiredEndpoint[];
  /** Ends the connection or the attempt to the first one. */
  readonly release: () => void;
}

export interface Upstream {
  /** `null`: the connection is refused at a limit, and counted. */
  admit(policies: Policies): Admission | null;
  /** Before an attempt beyond the first; `false`: refused at a limit, and counted. */
  retry(admission: Admission): boolean;
  /** `count` endpoints in the order to try them, repeated if there are fewer. The attempt to connect to the first one begins. */
  choose(choice: Choice, count: number): Chosen;
  /** An attempt to connect begins; the returned function ends the connection or the attempt. */
  attempt(endpoint: DesiredEndpoint): () => void;
  connected(choice: Choice, endpoint: DesiredEndpoint): void;
  /** It refused the connection, did not answer in time, or reset it before it sent a byte. */
  failed(choice: Choice, endpoint: DesiredEndpoint): void;
  succeeded(endpoint: DesiredEndpoint): void;
  /** It has failures that a success would clear. */
  hasFailures(endpoint: DesiredEndpoint): boolean;
  checked(endpoint: DesiredEndpoint, isHealthy: boolean): void;
  /** Discards the checks of all other endpoints. */
  keepChecked(endpoints: readonly DesiredEndpoint[]): void;
  /** Names of the endpoints that are ejected now. */
  ejected(): readonly string[];
  endpoints(): readonly EndpointCount[];
  limits(policies: Policies): readonly LimitUsage[];
}

type Counts = { -readonly [Name in keyof UpstreamCounts]: UpstreamCounts[Name] };

const OVERFLOWS: Readonly<Record<Limit, keyof UpstreamCounts>> = {
  connections: 'upstream_cx_overflow',
  'pending connects': 'upstream_rq_pending_overflow',
  retries: 'upstream_rq_retry_overflow',
};

type UpstreamClock = Pick<Clock, 'elapsed' | 'random'>;

export function createUpstream(
  clock: UpstreamClock,
  counts: Counts,
  state: UpstreamState = createUpstreamState(() => clock.random()),
): Upstream {
  const balancer = createBalancer(() => clock.random(), state);
  const { table } = state;
  const outliers = exclusive(createOutlierDetector(state.health), state);
  const attempt = (endpoint: DesiredEndpoint): (() => void) => {
    const release = state.exclusively(() => table.open(endpoint));
    counts.upstream_cx_active++;
    return () => {
      counts.upstream_cx_active--;
      release();
    };
  };
  return {
    ...limiting(state, counts),
    ...healthOf(outliers, clock, counts),
    attempt,
    // Another thread that chooses at the same time sees the connection to the first one.
    choose: ({ policies: { affinity, balancing }, endpoints, client }, count) =>
      state.exclusively(() => {
        const now = clock.elapsed();
        const request = { affinity, balancing, client, now, active: table.active };
        const available = outliers.available(endpoints, now);
        const candidates = balancer.candidates({ ...request, endpoints: available }, count);
        return { candidates, release: attempt(candidates[0] as DesiredEndpoint) };
      }),
    connected({ policies: { affinity }, client }, endpoint) {
      state.exclusively(() => {
        balancer.connected({ affinity, client, now: clock.elapsed() }, endpoint);
        table.count(endpoint);
      });
    },
    endpoints: () => state.exclusively(() => withStates(table.all(), outliers.skipped(clock.elapsed()))),
  };
}

/** Most connections begin without a failure so far: nothing is read then. */
function exclusive(outliers: OutlierDetector, { exclusively, health }: UpstreamState): OutlierDetector {
  return {
    available: (endpoints, now) =>
      health.isEmpty ? endpoints : exclusively(() => outliers.available(endpoints, now)),
    failed: (endpoint, failure) => exclusively(() => outliers.failed(endpoint, failure)),
    succeeded: (endpoint) => exclusively(() => outliers.succeeded(endpoint)),
    hasFailures: (endpoint) => !health.isEmpty && exclusively(() => outliers.hasFailures(endpoint)),
    checked: (endpoint, isHealthy, now) => exclusively(() => outliers.checked(endpoint, isHealthy, now)),
    keepChecked: (endpoints) => exclusively(() => outliers.keepChecked(endpoints)),
    skipped: (now) => exclusively(() => outliers.skipped(now)),
  };
}

function limiting(
  { gates, exclusively }: UpstreamState,
  counts: Counts,
): Pick<Upstream, 'admit' | 'retry' | 'limits'> {
  const circuit = createCircuitBreaker(gates);
  return {
    admit({ connections }) {
      const admitted = exclusively(() => circuit.admit(connections));
      if (typeof admitted !== 'string') return admitted;
      counts[OVERFLOWS[admitted]]++;
      return null;
    },
    retry(admission) {
      const isAllowed = exclusively(() => admission.retry());
      if (!isAllowed) counts.upstream_rq_retry_overflow++;
      return isAllowed;
    },
    limits: ({ connections }) => exclusively(() => circuit.usage(connections)),
  };
}

type Health = 'failed' | 'succeeded' | 'hasFailures' | 'checked' | 'keepChecked' | 'ejected';

function healthOf(outliers: OutlierDetector, clock: UpstreamClock, counts: Counts): Pick<Upstream, Health> {
  return {
    failed({ policies, endpoints }, endpoint) {
      const threshold = policies.connections?.outlierFailures ?? DEFAULT_OUTLIER_FAILURES;
      const verdict = outliers.failed(endpoint, { among: endpoints, threshold, now: clock.elapsed() });
      if (verdict === 'ejected') counts.outlier_detection_ejections_enforced++;
      else if (verdict === 'overflow') counts.outlier_detection_ejections_overflow++;
    },
    succeeded: outliers.succeeded,
    hasFailures: outliers.hasFailures,
    checked(endpoint, isHealthy) {
      counts.health_check_attempt++;
      if (!isHealthy) counts.health_check_failure++;
      outliers.checked(endpoint, isHealthy, clock.elapsed());
    },
    keepChecked: outliers.keepChecked,
    ejected: () =>
      outliers
        .skipped(clock.elapsed())
        .filter(({ state }) => state === 'ejected')
        .map(endpointName),
  };
}

/** Also endpoints that never had a connection. */
function withStates(
  counts: readonly EndpointCount[],
  skipped: ReturnType<OutlierDetector['skipped']>,
): readonly EndpointCount[] {
  if (skipped.length === 0) return counts;
  const all = new Map(counts.map((each) => [endpointName(each), each]));
  for (const each of skipped) {
    const name = endpointName(each);
    all.set(name, { connections: 0, active: 0, ...all.get(name), ...each });
  }
  return [...all.values()];
}

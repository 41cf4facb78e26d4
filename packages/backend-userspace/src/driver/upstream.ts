/** State of one service port in the data path: its balancer, the limits of its connections, the health of its endpoints. */
import type { Clock, DesiredEndpoint, DesiredServicePort, EndpointCount, LimitUsage } from '@signalbox/core';
import { createCircuitBreaker, type Admission, type Limit } from '../balance/circuit-breaker.ts';
import { endpointName } from '../balance/endpoint-name.ts';
import {
  createOutlierDetector,
  DEFAULT_OUTLIER_FAILURES,
  type OutlierDetector,
} from '../balance/outlier-detection.ts';
import { createBalancer } from '../compile/load-balancing.ts';
import { createEndpointTable } from './endpoint-table.ts';
import type { UpstreamCounts } from './userspace-driver.ts';

type Policies = Pick<DesiredServicePort, 'affinity' | 'balancing' | 'connections'>;

/** A client and the endpoints of its route. */
export interface Choice {
  readonly policies: Policies;
  readonly endpoints: readonly DesiredEndpoint[];
  readonly client: string;
}

export interface Upstream {
  /** `null`: the connection is refused at a limit, and counted. */
  admit(policies: Policies): Admission | null;
  /** Before an attempt beyond the first; `false`: refused at a limit, and counted. */
  retry(admission: Admission): boolean;
  /** `count` endpoints in the order to try them, repeated if there are fewer. */
  candidates(choice: Choice, count: number): readonly DesiredEndpoint[];
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
  /** Endpoints that are ejected now. */
  ejections(): number;
  endpoints(): readonly EndpointCount[];
  limits(policies: Policies): readonly LimitUsage[];
}

type Counts = { -readonly [Name in keyof UpstreamCounts]: UpstreamCounts[Name] };

const OVERFLOWS: Readonly<Record<Limit, keyof UpstreamCounts>> = {
  connections: 'upstream_cx_overflow',
  'pending connects': 'upstream_rq_pending_overflow',
  retries: 'upstream_rq_retry_overflow',
};

export function createUpstream(clock: Pick<Clock, 'elapsed' | 'random'>, counts: Counts): Upstream {
  const balancer = createBalancer(() => clock.random());
  const table = createEndpointTable();
  const outliers = createOutlierDetector();
  return {
    ...limiting(counts),
    ...healthOf(outliers, clock, counts),
    candidates({ policies: { affinity, balancing }, endpoints, client }, count) {
      const now = clock.elapsed();
      const available = outliers.available(endpoints, now);
      const { active } = table;
      return balancer.candidates({ endpoints: available, affinity, balancing, client, now, active }, count);
    },
    attempt(endpoint) {
      const release = table.open(endpoint);
      counts.upstream_cx_active++;
      return () => {
        counts.upstream_cx_active--;
        release();
      };
    },
    connected({ policies: { affinity }, client }, endpoint) {
      balancer.connected({ affinity, client, now: clock.elapsed() }, endpoint);
      table.count(endpoint);
    },
    endpoints: () => withStates(table.all(), outliers.skipped(clock.elapsed())),
  };
}

function limiting(counts: Counts): Pick<Upstream, 'admit' | 'retry' | 'limits'> {
  const circuit = createCircuitBreaker();
  return {
    admit({ connections }) {
      const admitted = circuit.admit(connections);
      if (typeof admitted !== 'string') return admitted;
      counts[OVERFLOWS[admitted]]++;
      return null;
    },
    retry(admission) {
      const isAllowed = admission.retry();
      if (!isAllowed) counts.upstream_rq_retry_overflow++;
      return isAllowed;
    },
    limits: ({ connections }) => circuit.usage(connections),
  };
}

type Health = 'failed' | 'succeeded' | 'hasFailures' | 'checked' | 'keepChecked' | 'ejections';

function healthOf(
  outliers: OutlierDetector,
  clock: Pick<Clock, 'elapsed'>,
  counts: Counts,
): Pick<Upstream, Health> {
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
    ejections: () => outliers.skipped(clock.elapsed()).filter(({ state }) => state === 'ejected').length,
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

import { FAMILIES } from '@signalbox/core';
import type { Health } from './health-state.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** `/healthz`: 503 when a family lags or the node is not eligible for load balancers. */
export function healthzAnswer(health: Health, now: number): Answer {
  return answer(health, {
    now,
    nodeEligible: health.nodeEligible,
    ok: health.healthy && health.nodeEligible,
  });
}

/** `/livez`: the same without the node's part. */
export function livezAnswer(health: Health, now: number): Answer {
  return answer(health, { now, ok: health.healthy });
}

interface Verdict {
  readonly now: number;
  readonly ok: boolean;
  readonly nodeEligible?: boolean;
}

/** Keys and their order are kube-proxy's. With 200 the last update is now: nothing waits. */
function answer(health: Health, { now, ok, nodeEligible }: Verdict): Answer {
  const status = FAMILIES.flatMap((family) => {
    const own = health.status[family];
    return own === undefined
      ? []
      : [[family, { lastUpdated: rfc3339(own.lastUpdated), healthy: own.healthy }]];
  });
  const body = {
    lastUpdated: rfc3339(ok ? now : health.lastUpdated),
    currentTime: rfc3339(now),
    ...(nodeEligible === undefined ? {} : { nodeEligible }),
    healthy: health.healthy,
    ...(status.length === 0 ? {} : { status: Object.fromEntries(status) as unknown }),
  };
  return { status: ok ? 200 : 503, body: JSON.stringify(body) };
}

/** RFC 3339 as Go writes it: no trailing zeros in the fraction, and year 1 for "never". */
export function rfc3339(time: number | null): string {
  if (time === null) return '0001-01-01T00:00:00Z';
  return new Date(time).toISOString().replace(/\.?0*Z$/, 'Z');
}

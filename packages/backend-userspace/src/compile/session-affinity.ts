/** Which endpoint a client used last, for `sessionAffinity: ClientIP`. Pure: time is an argument. */
import type { DesiredEndpoint, SessionAffinity } from '@signalbox/core';
import { endpointName } from '../balance/endpoint-name.ts';

export interface AffinityTable {
  /** The endpoint of the last connection of the client, if it is within the timeout and the endpoint is one of `endpoints`. */
  find(
    client: string,
    endpoints: readonly DesiredEndpoint[],
    affinity: SessionAffinity,
    now: number,
  ): DesiredEndpoint | null;
  remember(client: string, endpoint: DesiredEndpoint, now: number): void;
}

interface Entry {
  readonly endpoint: string;
  readonly usedAt: number;
}

/** Expired entries are removed each time their number has doubled, so that the cost for each client is constant. */
const FIRST_SWEEP = 1024;

export function createAffinityTable(): AffinityTable {
  const entries = new Map<string, Entry>();
  const state = { sweepAt: FIRST_SWEEP, timeoutMs: 0 };
  const sweep = (now: number): void => {
    for (const [client, { usedAt }] of entries) if (now - usedAt >= state.timeoutMs) entries.delete(client);
    state.sweepAt = Math.max(FIRST_SWEEP, entries.size * 2);
  };
  return {
    find(client, endpoints, { timeoutSeconds }, now) {
      state.timeoutMs = timeoutSeconds * 1000;
      const entry = entries.get(client);
      if (entry === undefined || now - entry.usedAt >= state.timeoutMs) return null;
      return endpoints.find((each) => endpointName(each) === entry.endpoint) ?? null;
    },
    remember(client, endpoint, now) {
      entries.set(client, { endpoint: endpointName(endpoint), usedAt: now });
      if (entries.size >= state.sweepAt) sweep(now);
    },
  };
}

/** Limits of the connections of one service port: at a limit, connections are refused, so that those to a slow endpoint do not accumulate. Pure. */
import type { ConnectionPolicy, LimitUsage } from '@signalbox/core';

export type Limit = 'connections' | 'pending connects' | 'retries';

export interface CircuitBreaker {
  /** A connection of a client; the name of the limit that refuses it. */
  admit(policy: ConnectionPolicy | undefined): Admission | Limit;
  /** Empty: the policy has no limit. */
  usage(policy: ConnectionPolicy | undefined): readonly LimitUsage[];
}

/** One connection, which waits for an endpoint at first. */
export interface Admission {
  /** Before an attempt beyond the first; `false`: at the limit. */
  retry(): boolean;
  /** It has an endpoint. */
  settle(): void;
  /** It is closed. */
  end(): void;
}

interface Gate {
  now: number;
  refused: number;
}

export function createCircuitBreaker(): CircuitBreaker {
  const gates: Readonly<Record<Limit, Gate>> = {
    connections: { now: 0, refused: 0 },
    'pending connects': { now: 0, refused: 0 },
    retries: { now: 0, refused: 0 },
  };
  return {
    admit(policy) {
      const limits = limitsOf(policy);
      for (const limit of ['connections', 'pending connects'] as const) {
        if (!isFull(gates[limit], limits[limit])) continue;
        gates[limit].refused++;
        return limit;
      }
      return admission(gates, limits.retries);
    },
    usage(policy) {
      const limits = Object.entries(limitsOf(policy)) as [Limit, number | undefined][];
      if (limits.every(([, limit]) => limit === undefined)) return [];
      return limits.map(([name, limit]) => ({ name, ...gates[name], limit: limit ?? null }));
    },
  };
}

function limitsOf(policy: ConnectionPolicy | undefined): Readonly<Record<Limit, number | undefined>> {
  return {
    connections: policy?.maxConnections,
    'pending connects': policy?.maxPendingConnects,
    retries: policy?.maxRetries,
  };
}

function isFull({ now }: Gate, limit: number | undefined): boolean {
  return limit !== undefined && now >= limit;
}

function admission(gates: Readonly<Record<Limit, Gate>>, maxRetries: number | undefined): Admission {
  const { connections, 'pending connects': pending, retries } = gates;
  const state = { isWaiting: true, isRetrying: false, isOpen: true };
  connections.now++;
  pending.now++;
  const settle = (): void => {
    if (state.isWaiting) pending.now--;
    if (state.isRetrying) retries.now--;
    state.isWaiting = false;
    state.isRetrying = false;
  };
  return {
    retry() {
      if (state.isRetrying) return true;
      if (isFull(retries, maxRetries)) {
        retries.refused++;
        return false;
      }
      retries.now++;
      state.isRetrying = true;
      return true;
    },
    settle,
    end() {
      settle();
      if (state.isOpen) connections.now--;
      state.isOpen = false;
    },
  };
}

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

/** What a limit applies to. */
export interface Gate {
  readonly now: number;
  readonly refused: number;
  enter(): void;
  leave(): void;
  refuse(): void;
}

export type Gates = Readonly<Record<Limit, Gate>>;

export function createGates(): Gates {
  return { connections: createGate(), 'pending connects': createGate(), retries: createGate() };
}

function createGate(): Gate {
  const gate = {
    now: 0,
    refused: 0,
    enter: () => void gate.now++,
    leave: () => void gate.now--,
    refuse: () => void gate.refused++,
  };
  return gate;
}

export function createCircuitBreaker(gates: Gates = createGates()): CircuitBreaker {
  return {
    admit(policy) {
      const limits = limitsOf(policy);
      for (const limit of ['connections', 'pending connects'] as const) {
        if (!isFull(gates[limit], limits[limit])) continue;
        gates[limit].refuse();
        return limit;
      }
      return admission(gates, limits.retries);
    },
    usage(policy) {
      const limits = Object.entries(limitsOf(policy)) as [Limit, number | undefined][];
      if (limits.every(([, limit]) => limit === undefined)) return [];
      return limits.map(([name, limit]) => {
        const { now, refused } = gates[name];
        return { name, now, limit: limit ?? null, refused };
      });
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

function admission(gates: Gates, maxRetries: number | undefined): Admission {
  const { connections, 'pending connects': pending, retries } = gates;
  const state = { isWaiting: true, isRetrying: false, isOpen: true };
  connections.enter();
  pending.enter();
  const settle = (): void => {
    if (state.isWaiting) pending.leave();
    if (state.isRetrying) retries.leave();
    state.isWaiting = false;
    state.isRetrying = false;
  };
  return {
    retry() {
      if (state.isRetrying) return true;
      if (isFull(retries, maxRetries)) {
        retries.refuse();
        return false;
      }
      retries.enter();
      state.isRetrying = true;
      return true;
    },
    settle,
    end() {
      settle();
      if (state.isOpen) connections.leave();
      state.isOpen = false;
    },
  };
}

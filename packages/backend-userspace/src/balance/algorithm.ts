import { DEFAULT_WEIGHT, type DesiredEndpoint } from '@signalbox/core';

/** Chooses the endpoint of a new connection of one service port. */
export interface Algorithm {
  /** Index in `endpoints`, which is never empty and the same array while nothing changes. */
  choose(endpoints: readonly DesiredEndpoint[], request: AlgorithmRequest): number;
}

export interface AlgorithmRequest {
  /** Address of the client. */
  readonly client: string;
  /** Connections to the endpoint, open or being opened, by its name. */
  readonly active: (name: string) => number;
}

/** At least 0, less than 1. */
export type Random = () => number;

export function weightOf({ weight = DEFAULT_WEIGHT }: DesiredEndpoint): number {
  return weight;
}

/** What an algorithm derives from a list of endpoints, made once for each list. */
export function perList<T>(
  make: (endpoints: readonly DesiredEndpoint[]) => T,
): (endpoints: readonly DesiredEndpoint[]) => T {
  const made = new WeakMap<readonly DesiredEndpoint[], { readonly value: T }>();
  return (endpoints) => {
    const known = made.get(endpoints) ?? { value: make(endpoints) };
    made.set(endpoints, known);
    return known.value;
  };
}

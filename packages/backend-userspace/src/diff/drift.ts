/** The differences between the node and the desired state. Pure. */
import type { Drift } from '@signalbox/core';
import { SERVICE_DEVICE, type Observed } from '../objects/observed.ts';

export interface Expected {
  readonly addresses: Iterable<string>;
  /** Keys, without the listeners that are reported as failures. */
  readonly listeners: Iterable<string>;
}

export function driftOf(expected: Expected, observed: Observed): readonly Drift[] {
  const addresses = new Set(expected.addresses);
  const listeners = new Set(expected.listeners);
  const address = (kind: Drift['kind'], name: string): Drift => ({
    kind,
    type: 'address',
    name,
    within: SERVICE_DEVICE,
  });
  return [
    ...missing(addresses, observed.addresses)
      .filter((each) => !observed.hostAddresses.has(each))
      .map((each) => address('missing', each)),
    ...missing(observed.addresses, addresses).map((each) => address('stale', each)),
    ...missing(listeners, observed.listeners).map((name): Drift => ({
      kind: 'missing',
      type: 'socket',
      name,
    })),
    ...missing(observed.listeners, listeners).map((name): Drift => ({ kind: 'stale', type: 'socket', name })),
  ];
}

function missing(desired: ReadonlySet<string>, found: ReadonlySet<string>): readonly string[] {
  return [...desired].filter((each) => !found.has(each));
}

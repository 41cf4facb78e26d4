import type { DesiredEndpoint } from '@signalbox/core';
import { weightOf } from '../balance/algorithm.ts';
import { endpointName } from '../balance/endpoint-name.ts';
import type { SharedMemory } from './shared-memory.ts';

/** What belongs to an idle service port or endpoint is kept for a day, unless the memory is full. */
export const KEPT_MS = 86_400_000;

export interface StateParts {
  readonly memory: SharedMemory;
  /** Of the service port. */
  readonly name: string;
  /** Milliseconds, of a clock that all threads share. */
  readonly now: () => number;
}

/** Of a list of endpoints and their weights. */
export function listName(endpoints: readonly DesiredEndpoint[]): string {
  return endpoints.map((each) => `${endpointName(each)}*${weightOf(each)}`).join(' ');
}

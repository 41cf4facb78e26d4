/** Connections of one service port to each of its endpoints. */
import type { DesiredEndpoint, EndpointCount } from '@signalbox/core';
import { endpointName } from './endpoint-name.ts';

export interface EndpointTable {
  /** A connection to the endpoint is being opened; the returned function ends it, once. */
  open(endpoint: DesiredEndpoint): () => void;
  /** It is established. */
  count(endpoint: DesiredEndpoint): void;
  /** Of the endpoint with this name. */
  readonly active: (name: string) => number;
  all(): readonly EndpointCount[];
}

/** Above it the oldest entry without a connection is removed: that endpoint has most likely been deleted. */
const ENDPOINTS_LIMIT = 5000;

interface Count {
  readonly endpoint: DesiredEndpoint;
  connections: number;
  active: number;
}

export function createEndpointTable(): EndpointTable {
  const counts = new Map<string, Count>();
  const of = (endpoint: DesiredEndpoint): Count => {
    const name = endpointName(endpoint);
    const known = counts.get(name);
    if (known !== undefined) return known;
    if (counts.size >= ENDPOINTS_LIMIT) removeOldest(counts);
    const made = { endpoint, connections: 0, active: 0 };
    counts.set(name, made);
    return made;
  };
  return {
    open(endpoint) {
      const count = of(endpoint);
      count.active++;
      return () => void count.active--;
    },
    count: (endpoint) => void of(endpoint).connections++,
    active: (name) => counts.get(name)?.active ?? 0,
    all: () => [...counts.values()].map(countOf),
  };
}

/** The entry of an endpoint with connections stays: without it, the endpoint would count as idle. */
function removeOldest(counts: Map<string, Count>): void {
  for (const [name, { active }] of counts) if (active === 0) return void counts.delete(name);
}

function countOf({ endpoint: { address, port }, connections, active }: Count): EndpointCount {
  return { address, port, connections, active };
}

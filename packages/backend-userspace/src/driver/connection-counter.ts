/** Connections of each service port to each of its endpoints. */
import {
  formatAddressPort,
  type DesiredEndpoint,
  type EndpointCount,
  type ServicePortKey,
} from '@signalbox/core';

export interface ConnectionCounter {
  readonly count: (key: ServicePortKey, endpoint: DesiredEndpoint) => void;
  readonly all: () => ReadonlyMap<ServicePortKey, readonly EndpointCount[]>;
  /** Removes the counts of all other service ports. */
  readonly keep: (keys: ReadonlySet<ServicePortKey>) => void;
}

/** Limit for each service port. Above it the oldest entry is removed: that endpoint has most likely been deleted. */
const ENDPOINTS_LIMIT = 5000;

interface Count {
  readonly endpoint: DesiredEndpoint;
  connections: number;
}

export function createConnectionCounter(): ConnectionCounter {
  const counts = new Map<ServicePortKey, Map<string, Count>>();
  return {
    count(key, endpoint) {
      const own = counts.get(key) ?? new Map<string, Count>();
      counts.set(key, own);
      const name = formatAddressPort(endpoint.address, endpoint.port);
      const count = own.get(name) ?? { endpoint, connections: 0 };
      count.connections++;
      own.set(name, count);
      if (own.size > ENDPOINTS_LIMIT) own.delete(own.keys().next().value ?? '');
    },
    all: () => new Map([...counts].map(([key, own]) => [key, [...own.values()].map(countOf)])),
    keep(keys) {
      for (const key of counts.keys()) if (!keys.has(key)) counts.delete(key);
    },
  };
}

function countOf({ endpoint: { address, port }, connections }: Count): EndpointCount {
  return { address, port, connections };
}

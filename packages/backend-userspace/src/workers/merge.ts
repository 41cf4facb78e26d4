/** What several threads know. The numbers are those of all threads in any case; a thread lacks what it has not used. */
import type { EndpointCount, ServicePortKey } from '@signalbox/core';
import { endpointName } from '../balance/endpoint-name.ts';

export function mergeMaps<K, V>(maps: readonly ReadonlyMap<K, V>[]): ReadonlyMap<K, V> {
  return new Map(maps.flatMap((each) => [...each]));
}

type Connections = ReadonlyMap<ServicePortKey, readonly EndpointCount[]>;

export function mergeConnections(all: readonly Connections[]): Connections {
  const merged = new Map<ServicePortKey, Map<string, EndpointCount>>();
  for (const [key, counts] of all.flatMap((each) => [...each])) {
    const known = merged.get(key) ?? new Map<string, EndpointCount>();
    merged.set(key, known);
    for (const count of counts) {
      const name = endpointName(count);
      const other = known.get(name);
      known.set(name, other === undefined ? count : together(count, other));
    }
  }
  return new Map([...merged].map(([key, counts]) => [key, [...counts.values()]]));
}

/** A thread that has not seen a failure of the endpoint reports no state; one that opened no connection to it reports none. */
function together(one: EndpointCount, other: EndpointCount): EndpointCount {
  const known = one.state === undefined ? other : one;
  return {
    ...known,
    connections: Math.max(one.connections, other.connections),
    active: Math.max(one.active ?? 0, other.active ?? 0),
  };
}

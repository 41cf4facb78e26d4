/** The kernel objects of service ports, for `inspect`. Pure. */
import type { Drift, EndpointCount, KernelObject, ServicePortKey } from '@signalbox/core';

/** A kernel object by type, name and container, before its state is determined. */
export type NamedObject = Omit<KernelObject, 'state'>;

/** The state of an object, from the differences that an observation found. An object whose container is missing is missing. */
export function objectStates(drift: readonly Drift[]): (object: NamedObject) => KernelObject {
  const byId = new Map(drift.map((each) => [objectId(each), each.kind]));
  // Containers are named with or without their type.
  const missing = new Set(
    drift.flatMap(({ kind, type, name }) => (kind === 'missing' ? [name, `${type} ${name}`] : [])),
  );
  const hasNoTable = drift.some(({ kind, type }) => kind === 'missing' && type === 'table');
  return (object) => {
    const { within } = object;
    if (hasNoTable || (within !== undefined && missing.has(within))) return { ...object, state: 'missing' };
    const found = byId.get(objectId(object));
    return { ...object, state: found === 'missing' || found === 'altered' ? found : 'held' };
  };
}

function objectId({ type, name, within = '' }: NamedObject): string {
  return `${type}\n${name}\n${within}`;
}

/** The service ports that `inspect` was called for; those that do not exist are left out. */
export function selectServices<T>(
  all: ReadonlyMap<ServicePortKey, T>,
  keys: readonly ServicePortKey[] | null,
): ReadonlyMap<ServicePortKey, T> {
  if (keys === null) return all;
  const desired = new Map<ServicePortKey, T>();
  for (const key of keys) {
    const found = all.get(key);
    if (found !== undefined) desired.set(key, found);
  }
  return desired;
}

/** One count for each endpoint: several objects may count connections to it. */
export function sumCounts(counts: Iterable<EndpointCount>): readonly EndpointCount[] {
  const sums = new Map<string, EndpointCount>();
  for (const { address, port, connections } of counts) {
    const id = `${address} ${port}`;
    sums.set(id, { address, port, connections: (sums.get(id)?.connections ?? 0) + connections });
  }
  return [...sums.values()];
}

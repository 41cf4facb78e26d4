/** The objects of service ports on the node, and their differences from the desired state, as text. Reads only. */
import type {
  Difference,
  EndpointCount,
  Inspection,
  KernelObject,
  KernelService,
  LimitUsage,
  ServicePortKey,
} from '@signalbox/core';
import type { DesiredObjects } from './diff/desired-objects.ts';
import { driftOf } from './diff/drift.ts';
import type { UserspaceDriver } from './driver/userspace-driver.ts';
import type { Listener } from './objects/listener.ts';
import { SERVICE_DEVICE, type Observed } from './objects/observed.ts';

export async function inspect(
  driver: UserspaceDriver,
  desired: DesiredObjects,
  keys: readonly ServicePortKey[] | null,
): Promise<Inspection> {
  const seen = await driver.observe();
  if (!seen.ok) return { outcome: 'failed', error: seen.error };
  const connections = await driver.connections();
  const limits = await driver.limits();
  const asked = keys === null ? null : new Set(keys);
  const found = new Map<ServicePortKey, FoundService>();
  for (const [name, listener] of desired.listeners.entries()) {
    const { key } = listener.servicePort;
    if (asked?.has(key) === false) continue;
    const service = found.get(key) ?? withoutObjects(connections.get(key), limits.get(key));
    service.objects.push(...objectsOf(name, listener, seen.value));
    found.set(key, service);
  }
  return { outcome: 'ok', servicePorts: found satisfies ReadonlyMap<ServicePortKey, KernelService> };
}

type FoundService = KernelService & { readonly objects: KernelObject[] };

function withoutObjects(
  endpoints: readonly EndpointCount[] = [],
  limits: readonly LimitUsage[] | undefined,
): FoundService {
  return { objects: [], endpoints, ...(limits === undefined ? {} : { limits }) };
}

function objectsOf(
  name: string,
  { frontend, address }: Listener,
  observed: Observed,
): readonly KernelObject[] {
  const state = (isHeld: boolean): KernelObject['state'] => (isHeld ? 'held' : 'missing');
  const socket: KernelObject = { type: 'socket', name, state: state(observed.listeners.has(name)) };
  const isAssigned =
    frontend.kind !== 'node-port' && frontend.address === address && !observed.hostAddresses.has(address);
  if (!isAssigned) return [socket];
  const isHeld = observed.addresses.has(address);
  return [{ type: 'address', name: address, within: SERVICE_DEVICE, state: state(isHeld) }, socket];
}

/** Addresses as `ip -brief address` shows them, sockets with protocol, address and port. */
export async function difference(driver: UserspaceDriver, desired: DesiredObjects): Promise<Difference> {
  const seen = await driver.observe();
  if (!seen.ok) return { outcome: 'failed', error: seen.error };
  const { hostAddresses } = seen.value;
  const addresses = [...desired.addresses.keys()].filter((address) => !hostAddresses.has(address));
  const drift = driftOf({ addresses, listeners: desired.listeners.keys() }, seen.value);
  const lines = (type: string, header: string): readonly string[] => {
    const own = drift.filter((each) => each.type === type);
    return own.length === 0
      ? []
      : [header, ...own.map(({ kind, name }) => `${kind === 'stale' ? '-' : '+'} ${name}`)];
  };
  return {
    outcome: 'ok',
    lines: [...lines('address', `device ${SERVICE_DEVICE}`), ...lines('socket', 'sockets')],
  };
}

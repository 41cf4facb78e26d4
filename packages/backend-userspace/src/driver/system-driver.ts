/** The sockets of this process, and the addresses of its network namespace. */
import { networkInterfaces } from 'node:os';
import { canonicalAddress, type BackendError, type Clock, type Family, type Result } from '@signalbox/core';
import { createRouteClient, type RouteClient } from '@signalbox/netlink';
import type { OnConnectionEnd } from '../objects/connection-record.ts';
import type { Observed } from '../objects/observed.ts';
import type { Operation } from '../objects/operation.ts';
import { createDataPath, sourceText, type DataPath } from './data-path.ts';
import { changeAddresses, createDevice, deleteDevice, observeDevice, type ObservedDevice } from './device.ts';
import { createOpenFiles, processFiles } from './open-files.ts';
import { createSockets, type Sockets } from './sockets.ts';
import { systemClock } from '@signalbox/core/system-clock';
import type { ConnectionCounts, UserspaceDriver } from './userspace-driver.ts';

/** As `UserspaceBackendOptions`, with the same defaults. */
export interface SystemDriverOptions {
  readonly family: Family;
  readonly serviceAddresses?: 'device' | 'none';
  readonly udpTimeout?: number;
  readonly tcpIdleTimeout?: number;
  readonly drainTimeout?: number;
  /** Limit of file descriptors of its sockets. Default: the limit of the process, less a reserve for other uses. */
  readonly fileLimit?: number;
  readonly clock?: Clock;
  /** Default: none. */
  readonly onConnectionEnd?: OnConnectionEnd;
}

interface Parts {
  readonly family: Family;
  /** `null`: no address is assigned. */
  readonly route: RouteClient | null;
  readonly path: DataPath;
  readonly sockets: Sockets;
}

const DAY_MS = 86_400_000;

/** The driver on the sockets of this process. The limit of open files is shared with other drivers unless `fileLimit` is set. */
export function createSystemDriver(options: SystemDriverOptions): UserspaceDriver {
  const { family, serviceAddresses = 'device', clock = systemClock } = options;
  const { udpTimeout = 30_000, tcpIdleTimeout = DAY_MS, drainTimeout = 20_000 } = options;
  const files = options.fileLimit === undefined ? processFiles() : createOpenFiles(options.fileLimit);
  const { onConnectionEnd = null } = options;
  const path = createDataPath({ clock, udpTimeout, tcpIdleTimeout, drainTimeout, files, onConnectionEnd });
  const route = serviceAddresses === 'device' ? createRouteClient() : null;
  const parts: Parts = { family, route, path, sockets: createSockets(path) };
  return {
    family,
    observe: () => observe(parts),
    apply: (operations) => apply(parts, operations),
    counts: () => Promise.resolve(countsOf(path)),
    connections: () =>
      Promise.resolve(new Map([...path.upstreams].map(([key, each]) => [key, each.endpoints()]))),
    limits: () => Promise.resolve(parts.sockets.limits()),
    async close() {
      await parts.sockets.drain();
      route?.close();
    },
  };
}

function countsOf({ counts, upstreams }: DataPath): ConnectionCounts {
  const ejected = [...upstreams.values()].reduce((sum, each) => sum + each.ejections(), 0);
  return { ...counts, upstream: { ...counts.upstream, outlier_detection_ejections_active: ejected } };
}

async function observe({ family, route, path, sockets }: Parts): Promise<Result<Observed>> {
  const seen: Result<ObservedDevice> =
    route === null ? { ok: true, value: withoutDevice() } : await observeDevice(route, family);
  if (!seen.ok) return seen;
  path.hostAddresses = new Set([...seen.value.hostAddresses, ...seen.value.addresses]);
  return { ok: true, value: { ...seen.value, listeners: sockets.keys() } };
}

function withoutDevice(): ObservedDevice {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const addresses = all.map(({ address }) => canonicalAddress(sourceText(address)) ?? address);
  return { device: 'absent', addresses: new Set(), isShared: false, hostAddresses: new Set(addresses) };
}

/** Consecutive address changes of one kind are sent as one batch of netlink messages. */
async function apply(
  parts: Parts,
  operations: readonly Operation[],
): Promise<readonly (BackendError | null)[]> {
  const results: (BackendError | null)[] = [];
  while (results.length < operations.length) {
    const rest = operations.slice(results.length);
    const kind = rest[0]?.kind;
    const end = rest.findIndex((each) => each.kind !== kind);
    results.push(...(await applyRun(parts, end < 0 ? rest : rest.slice(0, end))));
  }
  parts.sockets.prune();
  return results;
}

async function applyRun(
  { route, path, sockets }: Parts,
  run: readonly Operation[],
): Promise<readonly (BackendError | null)[]> {
  const kind = run[0]?.kind;
  if (kind === 'address-add' || kind === 'address-delete') {
    const addresses = run.flatMap((each) => ('address' in each ? [each.address] : []));
    const results =
      route === null ? addresses.map(() => null) : await changeAddresses(route, kind, addresses);
    for (const [at, address] of addresses.entries()) {
      if (results[at] !== null) continue;
      if (kind === 'address-add') path.hostAddresses.add(address);
      else path.hostAddresses.delete(address);
    }
    return results;
  }
  return Promise.all(run.map((operation) => applyOne(route, sockets, operation)));
}

function applyOne(
  route: RouteClient | null,
  sockets: Sockets,
  operation: Operation,
): Promise<BackendError | null> {
  switch (operation.kind) {
    case 'device-create':
      return route === null ? Promise.resolve(null) : createDevice(route);
    case 'device-delete':
      return route === null ? Promise.resolve(null) : deleteDevice(route);
    case 'listener-open':
    case 'listener-update':
      return sockets.open(operation.listener);
    case 'listener-close':
      sockets.close(operation.listener);
      return Promise.resolve(null);
    case 'address-add':
    case 'address-delete':
      throw new Error('address changes are applied in runs');
  }
}

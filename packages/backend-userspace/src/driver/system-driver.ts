/** The sockets of this process, and the addresses of its network namespace. */
import { networkInterfaces } from 'node:os';
import { canonicalAddress, type BackendError, type Clock, type Family, type Result } from '@signalbox/core';
import { createRouteClient, type RouteClient } from '@signalbox/netlink';
import type { OnConnectionEnd } from '../objects/connection-record.ts';
import type { Observed } from '../objects/observed.ts';
import type { ListenerOperation, Operation } from '../objects/operation.ts';
import { sourceText } from './data-path.ts';
import { changeAddresses, createDevice, deleteDevice, observeDevice, type ObservedDevice } from './device.ts';
import { createFilePool, mainFiles, processFiles } from './open-files.ts';
import { createLocalPool, type SocketPool } from './socket-pool.ts';
import { systemClock } from '@signalbox/core/system-clock';
import { whyNoWorkers, type StartThread } from '../workers/start-thread.ts';
import { createWorkerPool } from '../workers/worker-pool.ts';
import type { UserspaceDriver } from './userspace-driver.ts';

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
  /** Default: 1, the thread of the caller. */
  readonly workers?: number;
  readonly onWorkerFailure?: (reason: string) => void;
  /** For tests: starts a worker thread. */
  readonly startThread?: StartThread;
}

interface Parts {
  readonly family: Family;
  /** `null`: no address is assigned. */
  readonly route: RouteClient | null;
  readonly sockets: SocketPool;
  /** Of this node, those of the device too. */
  hostAddresses: ReadonlySet<string>;
}

const DAY_MS = 86_400_000;

/** The driver on the sockets of this process. The limit of open files is shared with other drivers unless `fileLimit` is set. */
export function createSystemDriver(options: SystemDriverOptions): UserspaceDriver {
  const { family, serviceAddresses = 'device' } = options;
  const route = serviceAddresses === 'device' ? createRouteClient() : null;
  const parts: Parts = { family, route, sockets: createPool(options), hostAddresses: new Set() };
  const { sockets } = parts;
  return {
    family,
    observe: () => observe(parts),
    apply: (operations) => apply(parts, operations),
    counts: () => sockets.counts(),
    connections: () => sockets.connections(),
    limits: () => sockets.limits(),
    async close() {
      await sockets.drain();
      route?.close();
    },
  };
}

function createPool(options: SystemDriverOptions): SocketPool {
  const {
    clock = systemClock,
    udpTimeout = 30_000,
    tcpIdleTimeout = DAY_MS,
    drainTimeout = 20_000,
  } = options;
  const { onConnectionEnd = null, onWorkerFailure = () => {}, workers = 1, startThread: start } = options;
  const files = options.fileLimit === undefined ? processFiles() : createFilePool(options.fileLimit);
  const common = { clock, udpTimeout, tcpIdleTimeout, drainTimeout, onConnectionEnd };
  if (workers === 1 || whyNoWorkers() !== null)
    return createLocalPool({ ...common, files: mainFiles(files), shared: null });
  return createWorkerPool({ ...common, threads: workers, files, onWorkerFailure, start });
}

async function observe(parts: Parts): Promise<Result<Observed>> {
  const { family, route, sockets } = parts;
  const seen: Result<ObservedDevice> =
    route === null ? { ok: true, value: withoutDevice() } : await observeDevice(route, family);
  if (!seen.ok) return seen;
  setHostAddresses(parts, [...seen.value.hostAddresses, ...seen.value.addresses]);
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

async function applyRun(parts: Parts, run: readonly Operation[]): Promise<readonly (BackendError | null)[]> {
  const { route, sockets } = parts;
  const kind = run[0]?.kind;
  if (kind === 'address-add' || kind === 'address-delete') {
    const addresses = run.flatMap((each) => ('address' in each ? [each.address] : []));
    return changeHostAddresses(parts, kind, addresses);
  }
  if (kind === 'device-create' || kind === 'device-delete')
    return Promise.all(run.map(() => changeDevice(route, kind)));
  return sockets.apply(run as readonly ListenerOperation[]);
}

async function changeHostAddresses(
  parts: Parts,
  kind: 'address-add' | 'address-delete',
  addresses: readonly string[],
): Promise<readonly (BackendError | null)[]> {
  const { route } = parts;
  const results = route === null ? addresses.map(() => null) : await changeAddresses(route, kind, addresses);
  const known = new Set(parts.hostAddresses);
  for (const [at, address] of addresses.entries()) {
    if (results[at] !== null) continue;
    if (kind === 'address-add') known.add(address);
    else known.delete(address);
  }
  setHostAddresses(parts, known);
  return results;
}

function setHostAddresses(parts: Parts, addresses: Iterable<string>): void {
  parts.hostAddresses = new Set(addresses);
  parts.sockets.setHostAddresses(parts.hostAddresses);
}

function changeDevice(
  route: RouteClient | null,
  kind: 'device-create' | 'device-delete',
): Promise<BackendError | null> {
  if (route === null) return Promise.resolve(null);
  return kind === 'device-create' ? createDevice(route) : deleteDevice(route);
}

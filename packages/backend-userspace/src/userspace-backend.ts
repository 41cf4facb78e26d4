/** One family's services as listening sockets of this process, on addresses of the node. */
import { createSyncReport, type SyncReport } from '@signalbox/backend-kit';
import {
  backendError,
  validatedSync,
  type Backend,
  type BackendError,
  type CleanupResult,
  type DesiredChange,
  type Observation,
  type SyncResult,
} from '@signalbox/core';
import { BALANCING } from './compile/load-balancing.ts';
import { driftOf, type Expected } from './diff/drift.ts';
import { noteDone, planOperations, type HeldState } from './diff/plan.ts';
import { createDesiredObjects, type DesiredObjects } from './diff/desired-objects.ts';
import type { ConnectionCounts } from './driver/userspace-driver.ts';
import { difference, inspect } from './inspect.ts';
import { listenerKey } from './objects/listener.ts';
import { SERVICE_DEVICE, type Observed } from './objects/observed.ts';
import type { Operation } from './objects/operation.ts';
import { settingsOf, type Settings, type UserspaceBackendOptions } from './options.ts';

/** The backend of one address family, with counters of connections. */
export interface UserspaceBackend extends Backend {
  /** Of both protocols. */
  counts(): Promise<ConnectionCounts>;
}

interface State {
  readonly settings: Settings;
  readonly desired: DesiredObjects;
  /** `null`: not yet observed. */
  held: HeldState | null;
  /** A cleanup changed the held objects. */
  isOutdated: boolean;
  /** Keys of objects that differ, or may differ, from the desired state. */
  readonly listeners: Set<string>;
  readonly addresses: Set<string>;
}

/** A backend for one address family. Opens no listening socket before the first sync; `close` drains the connections. */
export function createUserspaceBackend(options: UserspaceBackendOptions): UserspaceBackend {
  const settings = settingsOf(options);
  const { family, driver } = settings;
  const state: State = {
    settings,
    desired: createDesiredObjects(settings),
    held: null,
    isOutdated: false,
    listeners: new Set(),
    addresses: new Set(),
  };
  return {
    mode: 'userspace',
    family,
    sync: validatedSync(family, (change) => sync(state, change), BALANCING),
    balancing: () => BALANCING,
    cleanup: () => cleanUp(state),
    observe: () => observe(state),
    inspect: (keys) => inspect(driver, state.desired, keys),
    difference: () => difference(driver, state.desired),
    counts: () => driver.counts(),
    close: () => driver.close(),
  };
}

async function sync(state: State, change: DesiredChange): Promise<SyncResult> {
  const report = createSyncReport();
  const { desired } = state;
  desired.apply(change);
  for (const key of desired.listeners.takeSteps().keys()) state.listeners.add(key);
  for (const key of desired.addresses.takeSteps().keys()) state.addresses.add(key);
  for (const [key, error] of desired.unsupported) report.fail(key, error);
  const held = isDueToCompare(state, change) ? await compare(state, report) : state.held;
  if (held !== null) await write(state, held, report);
  return report.result({
    sockets: desired.listeners.size,
    addresses: desired.addresses.size,
    'unreachable frontends': desired.unreachable,
  });
}

/** An empty change requests verification. */
function isDueToCompare(
  { held, isOutdated }: State,
  { kind, servicePorts, nodeChanged }: DesiredChange,
): boolean {
  const { added, changed, removed } = servicePorts;
  return (
    held === null ||
    isOutdated ||
    kind === 'full' ||
    (!nodeChanged && added.length + changed.length + removed.length === 0)
  );
}

/** Observes the node and marks every object to compare; `null`: failed. */
async function compare(state: State, report: SyncReport): Promise<HeldState | null> {
  const seen = await state.settings.driver.observe();
  if (!seen.ok) {
    report.failAll(seen.error);
    return null;
  }
  const observed = seen.value;
  if (observed.device === 'not-owned') {
    report.failAll(notOwned());
    return null;
  }
  report.reach('full');
  if (state.held !== null && !state.isOutdated) report.repair(repairs(state, state.held, observed));
  const known = state.held?.listeners ?? new Map();
  const held: HeldState = {
    hasDevice: observed.device === 'present',
    addresses: new Set(observed.addresses),
    hostAddresses: observed.hostAddresses,
    listeners: new Map([...known].filter(([key]) => observed.listeners.has(key))),
  };
  for (const key of [...state.desired.listeners.keys(), ...held.listeners.keys()]) state.listeners.add(key);
  for (const key of [...state.desired.addresses.keys(), ...held.addresses]) state.addresses.add(key);
  state.held = held;
  state.isOutdated = false;
  return held;
}

/** Changes by another process: differences for which no write of this backend is pending. */
function repairs(state: State, held: HeldState, observed: Observed): ReturnType<typeof driftOf> {
  const drift = driftOf({ addresses: held.addresses, listeners: held.listeners.keys() }, observed);
  return drift.filter(
    ({ type, name }) => !(type === 'address' ? state.addresses : state.listeners).has(name),
  );
}

async function write(state: State, held: HeldState, report: SyncReport): Promise<void> {
  const { desired } = state;
  const planned = planOperations({ desired, held, listeners: state.listeners, addresses: state.addresses });
  const operations = await withDevice(state, held, planned, report);
  const results = await state.settings.driver.apply(operations);
  const failed = new Set<string>();
  operations.forEach((operation, at) => {
    const error = results[at] ?? null;
    report.count(operation.kind);
    if (error === null) noteDone(held, operation);
    else {
      failed.add(nameOf(operation));
      report.fail(ownerOf(desired, operation), error);
    }
  });
  const isDeviceMissing = report.hasFailed;
  for (const set of [state.listeners, state.addresses]) {
    for (const key of set) if (!failed.has(key) && !isDeviceMissing) set.delete(key);
  }
  if (operations.length > 0) report.reach('partial');
}

/** Creates the device if the plan contains it. If that fails, only sockets whose address does not need the device are opened. */
async function withDevice(
  { settings: { driver }, desired }: State,
  held: HeldState,
  planned: readonly Operation[],
  report: SyncReport,
): Promise<readonly Operation[]> {
  const [first, ...rest] = planned;
  if (first?.kind !== 'device-create') return planned;
  const [error = null] = await driver.apply([first]);
  report.count(first.kind);
  if (error === null) {
    noteDone(held, first);
    return rest;
  }
  report.failAll(error);
  return rest.filter(
    (operation) => 'listener' in operation && !desired.addresses.has(operation.listener.address),
  );
}

function nameOf(operation: Operation): string {
  if ('listener' in operation) return listenerKey(operation.listener);
  return 'address' in operation ? operation.address : operation.kind;
}

function ownerOf({ listeners, addresses }: DesiredObjects, operation: Operation): string {
  if ('address' in operation) return addresses.ownerOf(operation.address);
  return 'listener' in operation ? operation.listener.servicePort.key : listeners.ownerOf(operation.kind);
}

function notOwned(): BackendError {
  const message = `${SERVICE_DEVICE} is not a device that Signalbox creates (dummy or bridge); not modified`;
  return backendError('exists', 'RTM_NEWLINK', message, { kernel: 'unchanged' });
}

async function observe({ settings: { driver }, desired, listeners }: State): Promise<Observation> {
  const seen = await driver.observe();
  if (!seen.ok) return { outcome: 'failed', error: seen.error };
  const { hostAddresses } = seen.value;
  const expected: Expected = {
    addresses: [...desired.addresses.keys()].filter((address) => !hostAddresses.has(address)),
    // Sockets that could not be opened were reported by the sync.
    listeners: [...desired.listeners.keys()].filter((key) => !listeners.has(key)),
  };
  return { outcome: 'ok', drift: driftOf(expected, seen.value) };
}

async function cleanUp(state: State): Promise<CleanupResult> {
  const { driver, family } = state.settings;
  const seen = await driver.observe();
  if (!seen.ok) return { outcome: 'failed', error: seen.error };
  const { device, isShared, addresses } = seen.value;
  const sockets = [...(state.held?.listeners.values() ?? [])];
  const isOwned = device === 'present';
  const steps: readonly [string, readonly Operation[]][] = [
    [`${sockets.length} sockets`, sockets.map((listener) => ({ kind: 'listener-close', listener }))],
    [
      `${addresses.size} ${family} addresses of ${SERVICE_DEVICE}`,
      isOwned ? [...addresses].map((address) => ({ kind: 'address-delete', address })) : [],
    ],
    [`device ${SERVICE_DEVICE}`, isOwned && !isShared ? [{ kind: 'device-delete' }] : []],
  ];
  state.isOutdated = true;
  const removed: string[] = [];
  for (const [what, operations] of steps) {
    const results = await driver.apply(operations);
    const error = results.find((each) => each !== null);
    if (error !== undefined && error !== null) return { outcome: 'failed', error };
    if (operations.length > 0) removed.push(what);
  }
  return { outcome: 'ok', removed };
}

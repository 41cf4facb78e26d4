/** kernelspace mode: the desired state as load balancers of the Windows Host Network Service. */
import { createSyncReport, type SyncReport, UNKNOWN } from '@signalbox/backend-kit';
import { fail, isEmptyChange, type Result, succeed, validatedSync } from '@signalbox/core';
import type {
  Backend,
  CleanupResult,
  DesiredChange,
  Observation,
  ServicePortKey,
  SyncResult,
} from '@signalbox/core';
import { BALANCING } from './compile/load-balancing.ts';
import { unsupportedOf, type Unsupported } from './compile/unsupported.ts';
import { createDesiredObjects, type DesiredObjects } from './compile/desired-objects.ts';
import { configurationError, contextOf, isServed } from './context.ts';
import type { HeldState } from './diff/held-state.ts';
import { createOwnership } from './diff/ownership.ts';
import { cleanupHns } from './driver/cleanup.ts';
import { queryWorld, readHeldState } from './driver/read-hns.ts';
import { difference, inspect } from './inspect.ts';
import type { BackendState, World } from './backend-state.ts';
import type { WinvfpOptions } from './options.ts';
import { driftOf, runRound, stoppedRound, type Round, type RoundScope } from './sync-round.ts';

/** An unsupported feature of one service port. */
export interface UnsupportedPort extends Unsupported {
  readonly key: ServicePortKey;
}

/** The backend of kernelspace mode for one address family. */
export interface WinvfpBackend extends Backend {
  /** What HNS does not support of the last programmed services; empty before the first sync that reached HNS. */
  unsupported(): readonly UnsupportedPort[];
}

/** Creates the backend without a call to HNS. */
export function createWinvfpBackend(options: WinvfpOptions): WinvfpBackend {
  const state: BackendState = {
    options,
    desired: createDesiredObjects(),
    held: UNKNOWN,
    capabilities: null,
    owned: createOwnership(),
    unsettled: new Set(),
    refused: new Map(),
  };
  return {
    mode: 'kernelspace',
    family: options.family,
    sync: validatedSync(options.family, (change) => sync(state, change), BALANCING),
    balancing: () => BALANCING,
    cleanup: () => cleanup(state),
    observe: () => observe(state),
    inspect: (keys) => inspect(state, keys),
    difference: () => difference(state),
    close: () => Promise.resolve(),
    unsupported: () => [...unsupported(state.desired), ...refused(state)],
  };
}

function unsupported({ context, servicePorts }: DesiredObjects): readonly UnsupportedPort[] {
  if (context === null) return [];
  return [...servicePorts.values()].flatMap((port) =>
    unsupportedOf(port, context).map((entry) => ({ key: port.key, ...entry })),
  );
}

function refused(state: BackendState): readonly UnsupportedPort[] {
  return [...state.refused.values()].map(({ owner, frontend }) => ({
    key: owner,
    frontend,
    source: 'any',
    rule: '',
    reason: 'this HNS makes no load balancer at a port on which the proxy itself listens',
  }));
}

async function sync(state: BackendState, change: DesiredChange): Promise<SyncResult> {
  const report = createSyncReport();
  state.desired.apply(change);
  const first = await round(
    state,
    report,
    change.kind === 'full' || isEmptyChange(change) ? 'full' : 'partial',
  );
  // Once more with everything listed; what still fails then is reported and tried again at the next sync.
  const { failures } = first.relist ? await round(state, report, 'full') : first;
  for (const { key, error } of failures) report.fail(key, error);
  return report.result();
}

async function round(state: BackendState, report: SyncReport, scope: RoundScope): Promise<Round> {
  const world = await readWorld(state);
  const done = world.ok
    ? await runRound({ state, report, world: world.value }, scope)
    : stoppedRound(report, world.error);
  if (report.hasFailed) {
    state.held = UNKNOWN;
    state.capabilities = null;
  }
  return done;
}

/** The network is read every time: it may have been created again, and the routes of an overlay change with its nodes. */
async function readWorld(state: BackendState): Promise<Result<World>> {
  const world = await queryWorld(state);
  if (world.ok) state.capabilities ??= { version: world.value.version, features: world.value.features };
  return world;
}

async function observe(state: BackendState): Promise<Observation> {
  const held = await readServed(state);
  if (!held.ok) return { outcome: 'failed', error: held.error };
  return { outcome: 'ok', drift: held.value === null ? [] : driftOf(state, held.value) };
}

/** `null`: the network does not support this family. */
async function readServed(state: BackendState): Promise<Result<HeldState | null>> {
  const world = await readWorld(state);
  if (!world.ok) return world;
  const { network, features, version } = world.value;
  const { hcn, family } = state.options;
  if (!isServed(state.options, network)) return succeed(null);
  const { node } = state.desired;
  if (node !== null) {
    const context = contextOf(state.options, network, features, node);
    const error = configurationError(context, version);
    if (error !== null) return fail(error);
    state.desired.compile(context);
  }
  return readHeldState({ hcn, family, network, owned: state.owned });
}

function cleanup(state: BackendState): Promise<CleanupResult> {
  state.held = UNKNOWN;
  state.unsettled = new Set();
  const { hcn, family, networkName } = state.options;
  return cleanupHns({ hcn, family, networkName, owned: state.owned });
}

/** kernelspace mode: the desired state as load balancers of the Windows Host Network Service. */
import { validatedSync } from '@signalbox/core';
import type {
  Backend,
  BackendError,
  CleanupResult,
  DesiredChange,
  Observation,
  ServicePortKey,
  SyncCounters,
  SyncResult,
} from '@signalbox/core';
import { unsupportedOf, type Unsupported } from './compile/unsupported.ts';
import { createWantedState, type WantedState } from './compile/wanted-state.ts';
import { configurationError, contextOf, isServed } from './context.ts';
import type { HeldState } from './diff/held-state.ts';
import { createOwnership, type Ownership } from './diff/ownership.ts';
import { cleanupHns } from './driver/cleanup.ts';
import { readCapabilities, readHeldState, readNetwork, type Read } from './driver/read-hns.ts';
import type { HcnNetwork } from './objects/hcn-documents.ts';
import type { HnsCapabilities } from './objects/hns-version.ts';
import type { WantedLoadBalancer } from './objects/wanted.ts';
import type { WinvfpOptions } from './options.ts';
import { driftOf, failedSync, runRound, type RoundScope } from './sync-round.ts';

export interface BackendState {
  readonly options: WinvfpOptions;
  readonly wanted: WantedState;
  /** What HNS holds, as far as we know; `null`: unknown, the next sync lists it. */
  held: HeldState | null;
  /** `null`: not asked yet. Asked again after HNS was away: it may be another version. */
  capabilities: HnsCapabilities | null;
  readonly owned: Ownership;
  /** What the last round could not bring right (`Applied.unsettled`). */
  unsettled: ReadonlySet<string>;
  /** Load balancers that HNS refuses for good (`Applied.refused`), by frontend. Asked for again when HNS was away. */
  refused: ReadonlyMap<string, WantedLoadBalancer>;
}

export interface UnsupportedPort extends Unsupported {
  readonly key: ServicePortKey;
}

export interface WinvfpBackend extends Backend {
  /** What HNS does not support of the last programmed services; empty before the first sync that reached HNS. */
  unsupported(): readonly UnsupportedPort[];
}

export function createWinvfpBackend(options: WinvfpOptions): WinvfpBackend {
  const state: BackendState = {
    options,
    wanted: createWantedState(),
    held: null,
    capabilities: null,
    owned: createOwnership(),
    unsettled: new Set(),
    refused: new Map(),
  };
  return {
    mode: 'kernelspace',
    family: options.family,
    sync: validatedSync(options.family, (change) => sync(state, change)),
    cleanup: () => cleanup(state),
    observe: () => observe(state),
    close: () => Promise.resolve(),
    unsupported: () => [...unsupported(state.wanted), ...refused(state)],
  };
}

function unsupported(wanted: WantedState): readonly UnsupportedPort[] {
  const context = wanted.context();
  if (context === null) return [];
  return [...wanted.servicePorts().values()].flatMap((port) =>
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

function isEmpty(change: DesiredChange): boolean {
  const { servicePorts, healthChecks } = change;
  const sets = [servicePorts, healthChecks];
  const touched = sets.some((set) => set.added.length + set.changed.length + set.removed.length > 0);
  return change.kind === 'incremental' && !touched && !change.nodeChanged;
}

async function sync(state: BackendState, change: DesiredChange): Promise<SyncResult> {
  state.wanted.take(change);
  const scope: RoundScope = change.kind === 'full' || isEmpty(change) ? 'full' : 'partial';
  const first = await round(state, scope);
  // Once more with open eyes; what still fails then is reported and tried again at the next sync.
  if (!first.relist) return first.result;
  const { result } = await round(state, 'full');
  return { ...result, counters: sumOf(first.result.counters, result.counters) };
}

function sumOf(left: SyncCounters, right: SyncCounters): SyncCounters {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Object.fromEntries([...names].map((name) => [name, (left[name] ?? 0) + (right[name] ?? 0)]));
}

async function round(state: BackendState, scope: RoundScope): ReturnType<typeof runRound> {
  const world = await readWorld(state);
  if ('error' in world) {
    state.held = null;
    state.capabilities = null;
    return { relist: false, result: failedSync(world.error) };
  }
  const result = await runRound(state, { ...world.value, scope });
  if (result.result.outcome === 'failed') {
    state.held = null;
    state.capabilities = null;
  }
  return result;
}

export interface World extends HnsCapabilities {
  readonly network: HcnNetwork;
}

/** The network is read every time: it may have been made anew, and the routes of an overlay change with its nodes. */
async function readWorld(state: BackendState): Promise<Read<World>> {
  const { hcn, networkName } = state.options;
  const network = await readNetwork(hcn, networkName);
  if ('error' in network) return network;
  if (state.capabilities === null) {
    const capabilities = await readCapabilities(hcn);
    if ('error' in capabilities) return capabilities;
    state.capabilities = capabilities.value;
  }
  return { value: { network: network.value, ...state.capabilities } };
}

async function observe(state: BackendState): Promise<Observation> {
  const failed = (error: BackendError): Observation => ({ outcome: 'failed', error });
  const world = await readWorld(state);
  if ('error' in world) return failed(world.error);
  const { hcn, family } = state.options;
  if (!isServed(state.options, world.value.network)) return { outcome: 'ok', drift: [] };
  const node = state.wanted.node();
  if (node !== null) {
    const context = contextOf(state.options, world.value.network, world.value.features, node);
    const error = configurationError(context, world.value.version);
    if (error !== null) return failed(error);
    state.wanted.compile(context);
  }
  const read = await readHeldState({ hcn, family, network: world.value.network, owned: state.owned });
  if ('error' in read) return failed(read.error);
  return { outcome: 'ok', drift: driftOf(state, read.value) };
}

function cleanup(state: BackendState): Promise<CleanupResult> {
  state.held = null;
  state.unsettled = new Set();
  const { hcn, family, networkName } = state.options;
  return cleanupHns({ hcn, family, networkName, owned: state.owned });
}

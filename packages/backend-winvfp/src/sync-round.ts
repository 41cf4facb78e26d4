/** One round of a sync: find out what is held, plan, carry out, say what became of it. */
import type { BackendError, Drift, SyncCounters, SyncResult } from '@signalbox/core';
import type { BackendState, World } from './backend.ts';
import { configurationError, contextOf, isServed, unservedFailures } from './context.ts';
import type { WantedState } from './compile/wanted-state.ts';
import { findDrift, loadBalancerObject } from './diff/drift.ts';
import { loadBalancerType } from './diff/frontend.ts';
import type { HeldLoadBalancer, HeldState } from './diff/held-state.ts';
import { endpointFor, planSync, type Plan } from './diff/plan.ts';
import { applyPlan, type Applied } from './driver/apply.ts';
import { readHeldState, refreshEndpoints } from './driver/read-hns.ts';
import { createWriter, type Writer } from './driver/writer.ts';
import type { LoadBalancerType, WantedLoadBalancer } from './objects/wanted.ts';

/** `full`: everything is listed and compared. `partial`: only frontends that a change touched or that failed before. */
export type RoundScope = 'full' | 'partial';

export interface Round {
  readonly result: SyncResult;
  /** What HNS holds turned out to be something else: worth a full round at once. */
  readonly relist: boolean;
}

export function failedSync(error: BackendError, counters: SyncCounters = {}): SyncResult {
  return { outcome: 'failed', scope: 'none', failures: [], error, repaired: [], counters };
}

export async function runRound(state: BackendState, input: World & { scope: RoundScope }): Promise<Round> {
  const { wanted, options } = state;
  const node = wanted.node();
  if (node === null) throw new Error('a round before the first change');
  if (!isServed(options, input.network)) return { relist: false, result: unserved(state) };
  const context = contextOf(options, input.network, input.features, node);
  const misconfigured = configurationError(context, input.version);
  if (misconfigured !== null) return { relist: false, result: failedSync(misconfigured) };
  wanted.compile(context);
  const known = state.held?.network.ID === input.network.ID ? state.held : null;
  const scope = known === null ? 'full' : input.scope;
  const listed =
    scope === 'full' || known === null ? await readAll(state, input) : await readMissing(state, known);
  if ('error' in listed) return { relist: false, result: failedSync(listed.error) };
  const held = listed.held;
  const drift = scope === 'full' && known !== null ? surprises(state, held) : [];
  if (scope === 'full') markAll(state, held);
  return finishRound(state, { ...input, held, scope, drift });
}

function unserved({ wanted, options }: BackendState): SyncResult {
  const failures = unservedFailures(options, wanted.servicePorts().size);
  const outcome = failures.length === 0 ? 'ok' : 'partial';
  return { outcome, scope: 'none', failures, repaired: [], counters: {} };
}

interface Prepared extends World {
  readonly held: HeldState;
  readonly scope: RoundScope;
  readonly drift: readonly Drift[];
}

type Listed = { readonly held: HeldState } | { readonly error: BackendError };

async function readAll(state: BackendState, { network }: World): Promise<Listed> {
  const { hcn, family } = state.options;
  const read = await readHeldState({ hcn, family, network, owned: state.owned });
  return 'error' in read ? read : { held: read.value };
}

/** Endpoints of local pods come from the CNI plug-in: one that is not known yet requires a listing. */
async function readMissing(state: BackendState, held: HeldState): Promise<Listed> {
  const unknown = [...state.wanted.dirty].some((frontend) =>
    state.wanted
      .wantedAt(frontend)
      ?.endpoints.some((ref) => ref.kind !== 'remote' && endpointFor(ref, held) === undefined),
  );
  const error = unknown ? await refreshEndpoints(state.options.hcn, held) : null;
  return error === null ? { held } : { error };
}

/** Drift: differences that no change by Signalbox explains. */
function surprises(state: BackendState, held: HeldState): readonly Drift[] {
  return state.wanted.dirty.size > 0 ? [] : driftOf(state, held);
}

export function driftOf({ wanted, options, unsettled }: BackendState, held: HeldState): readonly Drift[] {
  return findDrift({
    held,
    family: options.family,
    wanted: wanted.frontends(),
    extraEndpoints: wanted.extraEndpoints(),
    unsettled,
  });
}

function markAll(state: BackendState, held: HeldState): void {
  for (const frontend of state.wanted.frontends().keys()) state.wanted.markDirty(frontend);
  for (const balancer of held.loadBalancers.values()) {
    if (balancer.owned) state.wanted.markDirty(balancer.frontend);
  }
}

async function finishRound(state: BackendState, prepared: Prepared): Promise<Round> {
  const { wanted, options } = state;
  const { held, version, features, scope } = prepared;
  if (state.held?.network.ID !== held.network.ID) state.refused = new Map();
  state.held = held;
  const extraEndpoints = wanted.extraEndpoints();
  const plan = planRound(state, prepared);
  adopt(state, plan, held);
  const writer = createWriter({ hcn: options.hcn, held, owned: state.owned, typeOf: typeIn(wanted) });
  const applied = await applyPlan({
    plan,
    writer,
    held,
    family: options.family,
    keep: new Set(extraEndpoints.map((endpoint) => endpoint.address)),
    wantedAt: (frontend) => wanted.wantedAt(frontend),
    unsettled: state.unsettled,
    fresh: scope === 'full',
  });
  if (applied.stopped !== null)
    return { relist: false, result: failedSync(applied.stopped, writer.counters) };
  keepRefused(state, applied);
  wanted.settle(applied.failedFrontends);
  if (applied.modifyBroken) state.capabilities = { version, features: { ...features, modify: false } };
  if (writer.unsure()) state.held = null;
  const relist = scope === 'partial' && (applied.relist || writer.unsure());
  return { relist, result: resultOf(prepared, applied, writer) };
}

function planRound({ wanted, refused }: BackendState, { held, features, scope }: Prepared): Plan {
  return planSync({
    frontends: wanted.dirty,
    wantedAt: (frontend) => wanted.wantedAt(frontend),
    extraEndpoints: wanted.extraEndpoints(),
    held,
    features,
    nodeIP: wanted.context()?.nodeIP ?? '',
    isRefused: (balancer) => isRefused(balancer, refused),
    strays: scope === 'full' ? straysOf(held) : [],
  });
}

function isRefused(balancer: WantedLoadBalancer, refused: BackendState['refused']): boolean {
  const last = refused.get(balancer.frontend);
  return last !== undefined && JSON.stringify(last.settings) === JSON.stringify(balancer.settings);
}

/** What was refused stays so until it is wanted otherwise, or not at all; it is no drift. */
function keepRefused(state: BackendState, { refused, unsettled }: Applied): void {
  const { wanted } = state;
  const still = [...state.refused.values()].flatMap(({ frontend }) => wanted.wantedAt(frontend) ?? []);
  const kept = [...still.filter((balancer) => isRefused(balancer, state.refused)), ...refused];
  state.refused = new Map(kept.map((balancer) => [balancer.frontend, balancer]));
  state.unsettled = new Set([...unsettled, ...kept.map(({ frontend }) => loadBalancerObject(frontend))]);
}

/** What a load balancer that is to go was made for: the service behind it may be gone already. */
function typeIn(wanted: WantedState): (balancer: HeldLoadBalancer) => LoadBalancerType {
  return ({ frontend, document }) => {
    const known = wanted.wantedAt(frontend) ?? wanted.formerlyAt(frontend);
    return known?.type ?? loadBalancerType(document);
  };
}

/** Two owned load balancers at one frontend: HNS kept one that it had reported as deleted. */
function straysOf(held: HeldState): Plan['deletes'] {
  const balancers = [...held.loadBalancers.values()];
  return balancers.filter(
    (balancer) => balancer.owned && held.byFrontend(balancer.frontend)?.id !== balancer.id,
  );
}

function adopt(state: BackendState, plan: Plan, held: HeldState): void {
  for (const id of plan.adopted) {
    state.owned.own(id);
    const balancer = held.loadBalancers.get(id);
    if (balancer !== undefined) held.putLoadBalancer(balancer.document);
  }
}

function resultOf({ scope, drift }: Prepared, applied: Applied, writer: Writer): SyncResult {
  const { failures } = applied;
  return {
    outcome: failures.length === 0 ? 'ok' : 'partial',
    scope,
    failures,
    repaired: failures.length === 0 ? drift : [],
    counters: writer.counters,
  };
}

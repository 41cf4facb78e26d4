/** One round of a sync: read the state of HNS, plan, apply, report. */
import { type SyncReport, UNKNOWN } from '@signalbox/backend-kit';
import {
  type BackendError,
  type Drift,
  fail,
  type Result,
  type ServiceFailure,
  succeed,
} from '@signalbox/core';
import type { BackendState, World } from './backend-state.ts';
import { configurationError, contextOf, isServed, unservedFailures } from './context.ts';
import type { DesiredObjects } from './compile/desired-objects.ts';
import { findDrift, loadBalancerObject } from './diff/drift.ts';
import { loadBalancerType } from './diff/frontend.ts';
import type { HeldLoadBalancer, HeldState } from './diff/held-state.ts';
import { endpointFor, planSync, type Plan } from './diff/plan.ts';
import { applyPlan, type Applied } from './driver/apply.ts';
import { readHeldState, refreshEndpoints } from './driver/read-hns.ts';
import { createWriter, type Writer } from './driver/writer.ts';
import type { LoadBalancerType, DesiredLoadBalancer } from './objects/desired.ts';

/** `full`: everything is listed and compared. `partial`: only frontends that a change touched or that failed before. */
export type RoundScope = 'full' | 'partial';

export interface Round {
  /** What could not be programmed; the second round of a sync replaces those of the first. */
  readonly failures: readonly ServiceFailure[];
  /** The state of HNS differed from the stored state: a full round follows at once. */
  readonly relist: boolean;
}

/** Nothing of this round was done, or only a part: the error is that of the sync. */
export function stoppedRound(report: SyncReport, error: BackendError): Round {
  report.failAll(error);
  return { failures: [], relist: false };
}

export interface RoundInput {
  readonly state: BackendState;
  readonly report: SyncReport;
  readonly world: World;
}

export async function runRound(input: RoundInput, wish: RoundScope): Promise<Round> {
  const { state, report, world } = input;
  const { desired, options } = state;
  const { node } = desired;
  if (node === null) throw new Error('a round before the first change');
  if (!isServed(options, world.network))
    return { failures: unservedFailures(options, desired.servicePorts.size), relist: false };
  const context = contextOf(options, world.network, world.features, node);
  const misconfigured = configurationError(context, world.version);
  if (misconfigured !== null) return stoppedRound(report, misconfigured);
  desired.compile(context);
  const known = heldOn(state, world.network.ID);
  const scope = known === null ? 'full' : wish;
  const listed =
    scope === 'full' || known === null ? await readAll(state, world) : await readMissing(state, known);
  if (!listed.ok) return stoppedRound(report, listed.error);
  const held = listed.value;
  // Differences that no change by Signalbox explains.
  const drift = scope === 'full' && known !== null && desired.dirty.size === 0 ? driftOf(state, held) : [];
  if (scope === 'full') markAll(state, held);
  report.reach(scope);
  return finishRound(input, { held, scope, drift });
}

/** What is known of this very network. */
function heldOn({ held }: BackendState, networkId: string): HeldState | null {
  return held.kind === 'held' && held.ledger.network.ID === networkId ? held.ledger : null;
}

interface Prepared {
  readonly held: HeldState;
  readonly scope: RoundScope;
  readonly drift: readonly Drift[];
}

function readAll(state: BackendState, { network }: World): Promise<Result<HeldState>> {
  const { hcn, family } = state.options;
  return readHeldState({ hcn, family, network, owned: state.owned });
}

/** Endpoints of local pods come from the CNI plug-in: one that is not known yet requires a listing. */
async function readMissing(state: BackendState, held: HeldState): Promise<Result<HeldState>> {
  const unknown = [...state.desired.dirty].some((frontend) =>
    state.desired
      .desiredAt(frontend)
      ?.endpoints.some((ref) => ref.kind !== 'remote' && endpointFor(ref, held) === undefined),
  );
  const error = unknown ? await refreshEndpoints(state.options.hcn, held) : null;
  return error === null ? succeed(held) : fail(error);
}

export function driftOf(
  { desired, options, unsettled }: Pick<BackendState, 'desired' | 'options' | 'unsettled'>,
  held: HeldState,
): readonly Drift[] {
  return findDrift({
    held,
    family: options.family,
    desired: desired.frontends(),
    extraEndpoints: desired.extraEndpoints(),
    unsettled,
  });
}

function markAll(state: BackendState, held: HeldState): void {
  for (const frontend of state.desired.frontends().keys()) state.desired.markDirty(frontend);
  for (const balancer of held.loadBalancers.values()) {
    if (balancer.owned) state.desired.markDirty(balancer.frontend);
  }
}

async function finishRound(input: RoundInput, prepared: Prepared): Promise<Round> {
  const { state, report, world } = input;
  const { desired, options, owned } = state;
  const { held, scope, drift } = prepared;
  if (heldOn(state, held.network.ID) === null) state.refused = new Map();
  state.held = { kind: 'held', ledger: held };
  const plan = planRound(input, prepared);
  adopt(state, plan, held);
  const writer = createWriter({ hcn: options.hcn, held, owned, report, typeOf: typeIn(desired) });
  const applied = await applyRound(state, prepared, plan, writer);
  if (applied.stopped !== null) return stoppedRound(report, applied.stopped);
  keepRefused(state, applied);
  desired.settle(applied.failedFrontends);
  if (applied.modifyBroken)
    state.capabilities = { version: world.version, features: { ...world.features, modify: false } };
  if (writer.unsure()) state.held = UNKNOWN;
  if (applied.failures.length === 0) report.repair(drift);
  const relist = scope === 'partial' && (applied.relist || writer.unsure());
  return { failures: applied.failures, relist };
}

function applyRound(
  { desired, options, unsettled }: BackendState,
  { held, scope }: Prepared,
  plan: Plan,
  writer: Writer,
): Promise<Applied> {
  return applyPlan({
    plan,
    writer,
    held,
    family: options.family,
    keep: new Set(desired.extraEndpoints().map((endpoint) => endpoint.address)),
    desiredAt: (frontend) => desired.desiredAt(frontend),
    unsettled,
    fresh: scope === 'full',
  });
}

function planRound({ state: { desired, refused }, world }: RoundInput, { held, scope }: Prepared): Plan {
  return planSync({
    frontends: desired.dirty,
    desiredAt: (frontend) => desired.desiredAt(frontend),
    extraEndpoints: desired.extraEndpoints(),
    held,
    features: world.features,
    nodeIP: desired.context?.nodeIP ?? '',
    isRefused: (balancer) => isRefused(balancer, refused),
    strays: scope === 'full' ? straysOf(held) : [],
  });
}

function isRefused(balancer: DesiredLoadBalancer, refused: BackendState['refused']): boolean {
  const last = refused.get(balancer.frontend);
  return last !== undefined && JSON.stringify(last.settings) === JSON.stringify(balancer.settings);
}

/** A refused load balancer stays refused until its desired state changes or is removed; it is no drift. */
function keepRefused(state: BackendState, { refused, unsettled }: Applied): void {
  const { desired } = state;
  const still = [...state.refused.values()].flatMap(({ frontend }) => desired.desiredAt(frontend) ?? []);
  const kept = [...still.filter((balancer) => isRefused(balancer, state.refused)), ...refused];
  state.refused = new Map(kept.map((balancer) => [balancer.frontend, balancer]));
  state.unsettled = new Set([...unsettled, ...kept.map(({ frontend }) => loadBalancerObject(frontend))]);
}

/** The type of a load balancer to be deleted: its Service may be deleted already. */
function typeIn(desired: DesiredObjects): (balancer: HeldLoadBalancer) => LoadBalancerType {
  return ({ frontend, document }) => {
    const known = desired.desiredAt(frontend) ?? desired.formerlyAt(frontend);
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

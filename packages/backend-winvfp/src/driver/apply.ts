/** Executes a plan. A failure of one Service does not affect others; only an unreachable HNS ends the round. */
import { backendError, type BackendError, type Family, type ServiceFailure } from '@signalbox/core';
import { addressKey } from '../objects/address.ts';
import type { HeldLoadBalancer, HeldState } from '../diff/held-state.ts';
import { endpointObject, loadBalancerObject } from '../diff/drift.ts';
import { sameLoadBalancer, sharesFrontend } from '../diff/frontend.ts';
import { endpointFor, settingsOf, type LoadBalancerStep, type Plan } from '../diff/plan.ts';
import { unreferencedEndpoints } from '../diff/unreferenced.ts';
import { HRESULT } from '../objects/hresult.ts';
import type { DesiredHnsEndpoint, DesiredLoadBalancer } from '../objects/desired.ts';
import type { WriteFailure, Writer } from './writer.ts';

export interface ApplyInput {
  readonly plan: Plan;
  readonly writer: Writer;
  readonly held: HeldState;
  readonly family: Family;
  /** Addresses whose endpoint stays though no load balancer refers to it. */
  readonly keep: ReadonlySet<string>;
  readonly desiredAt: (frontend: string) => DesiredLoadBalancer | undefined;
  /** Of the round before. */
  readonly unsettled: ReadonlySet<string>;
  /** Everything that HNS lists has just been read: no conflicting load balancer can be missing from the stored state. */
  readonly fresh: boolean;
}

export interface Applied {
  readonly failures: readonly ServiceFailure[];
  /** To be compared again at the next sync. */
  readonly failedFrontends: ReadonlySet<string>;
  /** Objects, as drift names them, that differ from the desired state because of a failure or because another program uses them. */
  readonly unsettled: ReadonlySet<string>;
  /** Reported once; trying again would fail for as long as this process runs. */
  readonly refused: readonly DesiredLoadBalancer[];
  /** The state of HNS differed from the stored state. */
  readonly relist: boolean;
  /** This HNS cannot modify in place after all. */
  readonly modifyBroken: boolean;
  /** HNS became unreachable. */
  readonly stopped: BackendError | null;
}

interface Progress {
  readonly failures: ServiceFailure[];
  readonly failedFrontends: Set<string>;
  readonly unsettled: Set<string>;
  readonly refused: DesiredLoadBalancer[];
  readonly failedAddresses: Map<string, BackendError>;
  /** Ids of the endpoints made in this round. */
  readonly made: Set<string>;
  relist: boolean;
  modifyBroken: boolean;
  stopped: BackendError | null;
}

export async function applyPlan(input: ApplyInput): Promise<Applied> {
  const progress: Progress = {
    failures: [],
    failedFrontends: new Set(),
    unsettled: new Set(),
    refused: [],
    failedAddresses: new Map(),
    made: new Set(),
    relist: false,
    modifyBroken: false,
    stopped: null,
  };
  await eachUntilStopped(input.plan.deletes, progress, (balancer) => deleteStep(balancer, input, progress));
  await eachUntilStopped(input.plan.replacedEndpoints, progress, async (endpoint) => {
    note(await input.writer.deleteEndpoint(endpoint), `endpoint ${endpoint.addresses.join(' ')}`, progress);
  });
  await eachUntilStopped(input.plan.endpoints, progress, (desired) => endpointStep(desired, input, progress));
  await eachUntilStopped(input.plan.steps, progress, (step) => loadBalancerStep(step, input, progress));
  await removeUnreferenced(input, progress);
  noteMissing(input, progress);
  noteBlocked(input, progress);
  for (const frontend of progress.failedFrontends) progress.unsettled.add(loadBalancerObject(frontend));
  return progress;
}

async function eachUntilStopped<T>(
  items: readonly T[],
  progress: Progress,
  act: (item: T) => Promise<void>,
): Promise<void> {
  for (const item of items) {
    if (progress.stopped !== null) return;
    await act(item);
  }
}

/** The effect of a failure on the round as a whole. */
function settle(failure: WriteFailure, progress: Progress): void {
  if (failure.reaction === 'stop') progress.stopped = failure.error;
  if (failure.reaction === 'relist') progress.relist = true;
  if (failure.reaction === 'no-modify') progress.modifyBroken = true;
}

function note(failure: WriteFailure | null, key: string, progress: Progress, frontend = ''): void {
  if (failure === null) return;
  settle(failure, progress);
  progress.failures.push({ key, error: failure.error });
  if (frontend !== '') progress.failedFrontends.add(frontend);
}

async function endpointStep(
  desired: DesiredHnsEndpoint,
  input: ApplyInput,
  progress: Progress,
): Promise<void> {
  const failure = withDisposition(
    await input.writer.createEndpoint(desired),
    endpointObject(desired.address),
    input,
  );
  if (failure === null) {
    progress.made.add(desired.id);
    return;
  }
  progress.failedAddresses.set(addressKey(desired.address), failure.error);
  progress.unsettled.add(endpointObject(desired.address));
  if (input.keep.has(desired.address)) note(failure, `endpoint ${desired.address}`, progress);
  else settle(failure, progress);
}

async function deleteStep(balancer: HeldLoadBalancer, input: ApplyInput, progress: Progress): Promise<void> {
  const failure = await input.writer.remove(balancer);
  const owner = input.desiredAt(balancer.frontend)?.owner ?? balancer.frontend;
  note(failure, owner, progress, balancer.frontend);
}

async function loadBalancerStep(
  step: LoadBalancerStep,
  input: ApplyInput,
  progress: Progress,
): Promise<void> {
  const { desired } = step;
  noteAbsentEndpoints(desired, input, progress);
  const reachable = desired.endpoints.some((ref) => endpointFor(ref, input.held) !== undefined);
  // Its endpoints could not be made, or the old one could not be removed: already reported.
  const blocked = step.kind === 'create' && input.held.byFrontend(desired.frontend) !== undefined;
  if (!reachable || blocked || isAlreadyThere(step, input, progress)) return;
  const failure = await writeStep(step, input.writer, progress);
  if (failure !== null && isFinal(failure, desired, input)) {
    progress.refused.push(desired);
    const message = `${failure.error.message}; not retried: the proxy itself listens on this port`;
    progress.failures.push({ key: desired.owner, error: { ...failure.error, message } });
    return;
  }
  const object = loadBalancerObject(desired.frontend);
  note(withDisposition(failure, object, input), desired.owner, progress, desired.frontend);
}

/** The port is in use, and not by a load balancer that HNS lists: this process uses it. */
function isFinal({ hresult }: WriteFailure, desired: DesiredLoadBalancer, input: ApplyInput): boolean {
  if (hresult !== HRESULT.portExists || !desired.proxyListens || !input.fresh) return false;
  const { loadBalancers, otherLoadBalancers } = input.held;
  const held = [...loadBalancers.values()].map(({ document }) => document);
  return ![...held, ...otherLoadBalancers.values()].some((other) => sharesFrontend(other, desired.settings));
}

/** A conflict that the previous round had too: listing everything again would not end it. */
function withDisposition(
  failure: WriteFailure | null,
  object: string,
  input: ApplyInput,
): WriteFailure | null {
  const lasting = failure?.error.code === 'exists' && input.unsettled.has(object);
  return lasting ? { ...failure, reaction: 'fail' } : failure;
}

/** A replacement planned for an endpoint that could not be created would interrupt the Service and change nothing. */
function isAlreadyThere({ desired, held }: LoadBalancerStep, input: ApplyInput, { made }: Progress): boolean {
  if (held === undefined) return false;
  const renewed = desired.endpoints.some((ref) => ref.kind === 'remote' && made.has(ref.endpoint.id));
  return !renewed && sameLoadBalancer(settingsOf(desired, input.held), held.document);
}

async function writeStep(
  step: LoadBalancerStep,
  writer: Writer,
  progress: Progress,
): Promise<WriteFailure | null> {
  const { desired, held } = step;
  if (held === undefined) return writer.create(desired);
  if (step.kind === 'modify' && !progress.modifyBroken) {
    const failure = await writer.modify(desired, held);
    if (failure?.reaction !== 'no-modify') return failure;
    progress.modifyBroken = true;
  }
  return (await writer.remove(held)) ?? (await writer.create(desired));
}

/** The load balancer gets the endpoints that exist; the Service is reported with the missing ones. */
function noteAbsentEndpoints(desired: DesiredLoadBalancer, input: ApplyInput, progress: Progress): void {
  for (const ref of desired.endpoints) {
    if (ref.kind !== 'remote' || endpointFor(ref, input.held) !== undefined) continue;
    const error = progress.failedAddresses.get(addressKey(ref.address));
    if (error === undefined) continue;
    progress.failures.push({ key: desired.owner, error });
    progress.failedFrontends.add(desired.frontend);
  }
}

/** A load balancer that could not be created is retried: its endpoints are kept for it. */
function addressesOf(frontends: ReadonlySet<string>, input: ApplyInput): readonly string[] {
  const refs = [...frontends].flatMap((frontend) => input.desiredAt(frontend)?.endpoints ?? []);
  return refs.flatMap((ref) => (ref.kind === 'remote' ? [ref.address] : []));
}

async function removeUnreferenced(input: ApplyInput, progress: Progress): Promise<void> {
  const awaited = addressesOf(progress.failedFrontends, input);
  for (const address of awaited) progress.unsettled.add(endpointObject(address));
  const idle = unreferencedEndpoints(input.held, input.family, new Set([...input.keep, ...awaited]));
  await eachUntilStopped(idle, progress, async (endpoint) => {
    const failure = await input.writer.deleteEndpoint(endpoint);
    if (failure !== null)
      endpoint.addresses.map(endpointObject).forEach((object) => progress.unsettled.add(object));
    // A load balancer of another program uses it: it is removed after that one.
    if (failure?.reaction === 'keep') return;
    note(failure, `endpoint ${endpoint.addresses.join(' ')}`, progress);
  });
}

function noteBlocked(input: ApplyInput, progress: Progress): void {
  for (const { owner, frontend, what } of input.plan.blocked) {
    const place = frontend === '' ? '' : `${frontend}: `;
    const message = `${place}endpoint ${what} has to be replaced, but a load balancer of another program uses it`;
    const error = backendError('busy', 'HcnDeleteEndpoint', message, { kernel: 'unchanged' });
    progress.failures.push({ key: owner, error });
    progress.unsettled.add(endpointObject(what));
    if (frontend !== '') progress.failedFrontends.add(frontend);
  }
}

function noteMissing(input: ApplyInput, progress: Progress): void {
  for (const { owner, frontend, what } of input.plan.missing) {
    const message = `${frontend}: HNS has no endpoint ${what} on this node (yet)`;
    const operation = 'HcnEnumerateEndpoints';
    progress.failures.push({
      key: owner,
      error: { code: 'not-found', operation, message, kernel: 'unchanged' },
    });
    progress.failedFrontends.add(frontend);
  }
}

/** Compares desired and existing objects: the steps that bring HNS to the desired state, without calling it. */
import type { ServicePortKey } from '@signalbox/core';
import { idKey } from '../compile/names.ts';
import type { HcnLoadBalancer, HcnLoadBalancerSettings } from '../objects/hcn-documents.ts';
import type { HnsFeatures } from '../objects/hns-version.ts';
import type { EndpointRef, DesiredHnsEndpoint, DesiredLoadBalancer } from '../objects/desired.ts';
import { sameButEndpoints, sameLoadBalancer } from './frontend.ts';
import type { HeldEndpoint, HeldLoadBalancer, HeldState } from './held-state.ts';
import { sameMac } from './ownership.ts';

export interface LoadBalancerStep {
  readonly kind: 'create' | 'modify' | 'recreate';
  readonly desired: DesiredLoadBalancer;
  /** What it replaces. */
  readonly held?: HeldLoadBalancer;
}

/** An endpoint that is missing, or differs from the desired one. */
interface MissingEndpoint {
  readonly owner: ServicePortKey;
  /** Empty where no load balancer needs the endpoint (source VIP, service VIPs). */
  readonly frontend: string;
  /** An address, or the name of the gateway endpoint. */
  readonly what: string;
}

export interface Plan {
  /** Executed first: objects that conflict with the rest, and objects that are not desired. */
  readonly deletes: readonly HeldLoadBalancer[];
  /** Existing, but with another MAC or provider address. Their load balancers are among `deletes`. */
  readonly replacedEndpoints: readonly HeldEndpoint[];
  readonly endpoints: readonly DesiredHnsEndpoint[];
  readonly steps: readonly LoadBalancerStep[];
  /** Load balancers of other programs that equal the desired ones or will be changed: owned from now on. */
  readonly adopted: readonly string[];
  /** Pods of this node that HNS has no endpoint for (yet). */
  readonly missing: readonly MissingEndpoint[];
  /** Endpoints with another MAC or provider address that cannot be removed: load balancers of other programs use them. */
  readonly blocked: readonly MissingEndpoint[];
}

export interface PlanInput {
  /** Frontends to compare; `desiredAt` returns their desired load balancers. */
  readonly frontends: Iterable<string>;
  readonly desiredAt: (frontend: string) => DesiredLoadBalancer | undefined;
  /** Endpoints desired independently of load balancers: source VIP, service VIPs. */
  readonly extraEndpoints: readonly DesiredHnsEndpoint[];
  readonly held: HeldState;
  readonly features: HnsFeatures;
  /** HNS has no endpoint for the node itself: pods on the host network cannot be reached through it. */
  readonly nodeIP: string;
  /** HNS has refused it permanently: it is not requested again. */
  readonly isRefused: (desired: DesiredLoadBalancer) => boolean;
  /** Owned load balancers to delete, whatever else is at their frontend. */
  readonly strays: readonly HeldLoadBalancer[];
}

interface Draft {
  readonly deletes: Map<string, HeldLoadBalancer>;
  readonly replaced: Map<string, HeldEndpoint>;
  readonly endpoints: Map<string, DesiredHnsEndpoint>;
  /** Addresses of `endpoints`. */
  readonly pending: Set<string>;
  readonly steps: LoadBalancerStep[];
  readonly adopted: string[];
  readonly missing: MissingEndpoint[];
  /** Addresses. */
  readonly stuck: Set<string>;
  readonly blocked: MissingEndpoint[];
}

export function planSync(input: PlanInput): Plan {
  const draft: Draft = {
    deletes: new Map(input.strays.map((stray) => [stray.id, stray])),
    replaced: new Map(),
    endpoints: new Map(),
    pending: new Set(),
    steps: [],
    adopted: [],
    missing: [],
    stuck: new Set(),
    blocked: [],
  };
  const frontends = [...input.frontends];
  planEndpoints(frontends, input, draft);
  for (const endpoint of draft.replaced.values()) freeEndpoint(endpoint, input, frontends, draft);
  for (const frontend of new Set(frontends)) planFrontend(frontend, input, draft);
  return {
    deletes: [...draft.deletes.values()],
    replacedEndpoints: [...draft.replaced.values()],
    endpoints: [...draft.endpoints.values()],
    steps: draft.steps,
    adopted: draft.adopted,
    missing: draft.missing,
    blocked: draft.blocked,
  };
}

function planEndpoints(frontends: readonly string[], input: PlanInput, draft: Draft): void {
  for (const endpoint of input.extraEndpoints) {
    planEndpoint(endpoint, input, draft);
    const what = endpoint.address;
    if (draft.stuck.has(what)) draft.blocked.push({ owner: `endpoint ${what}`, frontend: '', what });
  }
  for (const frontend of frontends) {
    for (const ref of input.desiredAt(frontend)?.endpoints ?? []) {
      if (ref.kind === 'remote') planEndpoint(ref.endpoint, input, draft);
    }
  }
}

function planEndpoint(desired: DesiredHnsEndpoint, input: PlanInput, draft: Draft): void {
  if (draft.pending.has(desired.address) || draft.stuck.has(desired.address)) return;
  const found = input.held.byAddress(desired.address);
  if (found === undefined) addEndpoint(desired, draft);
  else if (found.remote && found.owned && !sameEndpoint(found, desired)) {
    if (usedByOthers(found, input)) draft.stuck.add(desired.address);
    else {
      draft.replaced.set(found.id, found);
      addEndpoint(desired, draft);
    }
  }
}

function refersTo(document: HcnLoadBalancer, endpoint: HeldEndpoint): boolean {
  return document.HostComputeEndpoints.some((id) => idKey(id) === endpoint.id);
}

/** Whether it may be deleted to make room at its frontend or for its endpoints. */
function isFree(balancer: HeldLoadBalancer, input: PlanInput): boolean {
  return balancer.owned || input.desiredAt(balancer.frontend) !== undefined;
}

function usedByOthers(endpoint: HeldEndpoint, input: PlanInput): boolean {
  const { loadBalancers, otherLoadBalancers } = input.held;
  return (
    [...otherLoadBalancers.values()].some((document) => refersTo(document, endpoint)) ||
    [...loadBalancers.values()].some(
      (balancer) => !isFree(balancer, input) && refersTo(balancer.document, endpoint),
    )
  );
}

function addEndpoint(desired: DesiredHnsEndpoint, draft: Draft): void {
  draft.endpoints.set(desired.id, desired);
  draft.pending.add(desired.address);
}

export function sameEndpoint(held: HeldEndpoint, desired: DesiredHnsEndpoint): boolean {
  const provider = (policies: HeldEndpoint['document']['Policies']): unknown =>
    policies?.find((policy) => policy.Type === 'ProviderAddress')?.Settings['ProviderAddress'] ?? '';
  return (
    sameMac(held.document.MacAddress ?? '', desired.settings.MacAddress ?? '') &&
    provider(held.document.Policies) === provider(desired.settings.Policies)
  );
}

/** Every load balancer over an endpoint to be replaced is deleted first, and created again with the new one. */
function freeEndpoint(endpoint: HeldEndpoint, input: PlanInput, frontends: string[], draft: Draft): void {
  for (const balancer of input.held.loadBalancers.values()) {
    if (!isFree(balancer, input) || !refersTo(balancer.document, endpoint)) continue;
    draft.deletes.set(balancer.id, balancer);
    frontends.push(balancer.frontend);
  }
}

function planFrontend(frontend: string, input: PlanInput, draft: Draft): void {
  const desired = input.desiredAt(frontend);
  const held = input.held.byFrontend(frontend);
  if (desired !== undefined) noteMissing(desired, input, draft);
  const usable = desired?.endpoints.some((ref) => isUsable(ref, input.held, draft.pending)) ?? false;
  if (desired === undefined || !usable) {
    if (held?.owned === true) draft.deletes.set(held.id, held);
    return;
  }
  const absent = held === undefined || draft.deletes.has(held.id);
  if (absent && input.isRefused(desired)) return;
  if (absent) draft.steps.push({ kind: 'create', desired });
  else planChange(desired, held, input, draft);
}

function planChange(
  desired: DesiredLoadBalancer,
  held: HeldLoadBalancer,
  input: PlanInput,
  draft: Draft,
): void {
  if (!held.owned) draft.adopted.push(held.id);
  const created = desired.endpoints.some(
    (ref) => ref.kind === 'remote' && draft.endpoints.has(ref.endpoint.id),
  );
  const document = settingsOf(desired, input.held);
  if (!created && sameLoadBalancer(document, held.document)) return;
  const inPlace = input.features.modify && desired.updateInPlace && sameButEndpoints(document, held.document);
  draft.steps.push({ kind: inPlace ? 'modify' : 'recreate', desired, held });
}

function isUsable(ref: EndpointRef, held: HeldState, pending: ReadonlySet<string>): boolean {
  if (ref.kind === 'remote' && pending.has(ref.address)) return true;
  return endpointFor(ref, held) !== undefined;
}

function noteMissing(desired: DesiredLoadBalancer, input: PlanInput, draft: Draft): void {
  for (const ref of desired.endpoints) {
    if (ref.kind === 'remote' && draft.stuck.has(ref.address))
      draft.blocked.push({ owner: desired.owner, frontend: desired.frontend, what: ref.address });
    if (ref.kind === 'remote' || endpointFor(ref, input.held) !== undefined) continue;
    if (ref.kind === 'local' && ref.address === input.nodeIP) continue;
    const what = ref.kind === 'named' ? ref.name : ref.address;
    draft.missing.push({ owner: desired.owner, frontend: desired.frontend, what });
  }
}

/**
 * The HCN endpoint that `ref` names. A remote endpoint created by Signalbox for a pod on this node does not count: it conflicts
 * with the CNI plug-in, and is removed when nothing refers to it.
 */
export function endpointFor(ref: EndpointRef, held: HeldState): HeldEndpoint | undefined {
  if (ref.kind === 'named') return held.byName(ref.name);
  const found = held.byAddress(ref.address);
  return ref.kind === 'local' && found?.remote === true && found.owned ? undefined : found;
}

/** The document for HNS with the endpoints that exist now. */
export function settingsOf(desired: DesiredLoadBalancer, held: HeldState): HcnLoadBalancerSettings {
  const ids = desired.endpoints.flatMap((ref) => endpointFor(ref, held)?.id ?? []);
  return { HostComputeEndpoints: [...new Set(ids)], ...desired.settings };
}

/** Wanted against held: the steps that make HNS hold what it should, without calling it. */
import type { ServicePortKey } from '@signalbox/core';
import { idKey } from '../compile/chain-names.ts';
import type { HcnLoadBalancer, HcnLoadBalancerSettings } from '../objects/hcn-documents.ts';
import type { HnsFeatures } from '../objects/hns-version.ts';
import type { WantedBackend, WantedEndpoint, WantedLoadBalancer } from '../objects/wanted.ts';
import { sameButEndpoints, sameLoadBalancer } from './frontend.ts';
import type { HeldEndpoint, HeldLoadBalancer, HeldState } from './held-state.ts';
import { sameMac } from './ownership.ts';

export interface LoadBalancerStep {
  readonly kind: 'create' | 'modify' | 'recreate';
  readonly wanted: WantedLoadBalancer;
  /** What it replaces. */
  readonly held?: HeldLoadBalancer;
}

/** An endpoint that is not there, or not as it should be. */
interface MissingEndpoint {
  readonly owner: ServicePortKey;
  /** Empty where the endpoint is wanted for its own sake. */
  readonly frontend: string;
  /** An address, or the name of the gateway endpoint. */
  readonly what: string;
}

export interface Plan {
  /** First: what stands in the way of the rest, and what is not wanted. */
  readonly deletes: readonly HeldLoadBalancer[];
  /** Held, but with another MAC or provider address. Their load balancers are among `deletes`. */
  readonly replacedEndpoints: readonly HeldEndpoint[];
  readonly endpoints: readonly WantedEndpoint[];
  readonly steps: readonly LoadBalancerStep[];
  /** Others' load balancers that already are what is wanted, or that will be changed: ours from now on. */
  readonly takeOver: readonly string[];
  /** Pods of this node that HNS has no endpoint for (yet). */
  readonly missing: readonly MissingEndpoint[];
  /** Endpoints with another MAC or provider address that cannot go: load balancers of others use them. */
  readonly blocked: readonly MissingEndpoint[];
}

export interface PlanInput {
  /** Frontends to look at; `wantedAt` says what should be there. */
  readonly frontends: Iterable<string>;
  readonly wantedAt: (frontend: string) => WantedLoadBalancer | undefined;
  /** Endpoints wanted for their own sake: source VIP, service VIPs. */
  readonly extraEndpoints: readonly WantedEndpoint[];
  readonly held: HeldState;
  readonly features: HnsFeatures;
  /** HNS has no endpoint for the node itself: pods on the host network cannot be reached through it. */
  readonly nodeIP: string;
  /** HNS has refused it for good: it is not asked for again. */
  readonly isRefused: (wanted: WantedLoadBalancer) => boolean;
  /** Load balancers of ours that must go whatever stands at their frontend. */
  readonly strays: readonly HeldLoadBalancer[];
}

interface Draft {
  readonly deletes: Map<string, HeldLoadBalancer>;
  readonly replaced: Map<string, HeldEndpoint>;
  readonly endpoints: Map<string, WantedEndpoint>;
  /** Addresses of `endpoints`. */
  readonly pending: Set<string>;
  readonly steps: LoadBalancerStep[];
  readonly takeOver: string[];
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
    takeOver: [],
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
    takeOver: draft.takeOver,
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
    for (const backend of input.wantedAt(frontend)?.backends ?? []) {
      if (backend.kind === 'remote') planEndpoint(backend.endpoint, input, draft);
    }
  }
}

function planEndpoint(wanted: WantedEndpoint, input: PlanInput, draft: Draft): void {
  if (draft.pending.has(wanted.address) || draft.stuck.has(wanted.address)) return;
  const found = input.held.byAddress(wanted.address);
  if (found === undefined) addEndpoint(wanted, draft);
  else if (found.remote && found.ours && !sameEndpoint(found, wanted)) {
    if (usedByOthers(found, input)) draft.stuck.add(wanted.address);
    else {
      draft.replaced.set(found.id, found);
      addEndpoint(wanted, draft);
    }
  }
}

function refersTo(document: HcnLoadBalancer, endpoint: HeldEndpoint): boolean {
  return document.HostComputeEndpoints.some((id) => idKey(id) === endpoint.id);
}

/** Whether it may be deleted to make room at its frontend or for its endpoints. */
function isFree(balancer: HeldLoadBalancer, input: PlanInput): boolean {
  return balancer.ours || input.wantedAt(balancer.frontend) !== undefined;
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

function addEndpoint(wanted: WantedEndpoint, draft: Draft): void {
  draft.endpoints.set(wanted.id, wanted);
  draft.pending.add(wanted.address);
}

export function sameEndpoint(held: HeldEndpoint, wanted: WantedEndpoint): boolean {
  const provider = (policies: HeldEndpoint['document']['Policies']): unknown =>
    policies?.find((policy) => policy.Type === 'ProviderAddress')?.Settings['ProviderAddress'] ?? '';
  return (
    sameMac(held.document.MacAddress ?? '', wanted.settings.MacAddress ?? '') &&
    provider(held.document.Policies) === provider(wanted.settings.Policies)
  );
}

/** Every load balancer over an endpoint that is to be replaced goes first, and comes back with the new one. */
function freeEndpoint(endpoint: HeldEndpoint, input: PlanInput, frontends: string[], draft: Draft): void {
  for (const balancer of input.held.loadBalancers.values()) {
    if (!isFree(balancer, input) || !refersTo(balancer.document, endpoint)) continue;
    draft.deletes.set(balancer.id, balancer);
    frontends.push(balancer.frontend);
  }
}

function planFrontend(frontend: string, input: PlanInput, draft: Draft): void {
  const wanted = input.wantedAt(frontend);
  const held = input.held.byFrontend(frontend);
  if (wanted !== undefined) noteMissing(wanted, input, draft);
  const usable = wanted?.backends.some((backend) => isUsable(backend, input.held, draft.pending)) ?? false;
  if (wanted === undefined || !usable) {
    if (held?.ours === true) draft.deletes.set(held.id, held);
    return;
  }
  const absent = held === undefined || draft.deletes.has(held.id);
  if (absent && input.isRefused(wanted)) return;
  if (absent) draft.steps.push({ kind: 'create', wanted });
  else planChange(wanted, held, input, draft);
}

function planChange(
  wanted: WantedLoadBalancer,
  held: HeldLoadBalancer,
  input: PlanInput,
  draft: Draft,
): void {
  if (!held.ours) draft.takeOver.push(held.id);
  const created = wanted.backends.some(
    (backend) => backend.kind === 'remote' && draft.endpoints.has(backend.endpoint.id),
  );
  const document = settingsOf(wanted, input.held);
  if (!created && sameLoadBalancer(document, held.document)) return;
  const inPlace = input.features.modify && wanted.updateInPlace && sameButEndpoints(document, held.document);
  draft.steps.push({ kind: inPlace ? 'modify' : 'recreate', wanted, held });
}

function isUsable(backend: WantedBackend, held: HeldState, pending: ReadonlySet<string>): boolean {
  if (backend.kind === 'remote' && pending.has(backend.address)) return true;
  return endpointFor(backend, held) !== undefined;
}

function noteMissing(wanted: WantedLoadBalancer, input: PlanInput, draft: Draft): void {
  for (const backend of wanted.backends) {
    if (backend.kind === 'remote' && draft.stuck.has(backend.address))
      draft.blocked.push({ owner: wanted.owner, frontend: wanted.frontend, what: backend.address });
    if (backend.kind === 'remote' || endpointFor(backend, input.held) !== undefined) continue;
    if (backend.kind === 'local' && backend.address === input.nodeIP) continue;
    const what = backend.kind === 'named' ? backend.name : backend.address;
    draft.missing.push({ owner: wanted.owner, frontend: wanted.frontend, what });
  }
}

/**
 * The HCN endpoint that carries the backend. A remote stand-in of ours for a pod that runs here is none: it is in the
 * way of the CNI plug-in, and goes when nothing refers to it.
 */
export function endpointFor(backend: WantedBackend, held: HeldState): HeldEndpoint | undefined {
  if (backend.kind === 'named') return held.byName(backend.name);
  const found = held.byAddress(backend.address);
  return backend.kind === 'local' && found?.remote === true && found.ours ? undefined : found;
}

/** The document for HNS with the endpoints that exist now. */
export function settingsOf(wanted: WantedLoadBalancer, held: HeldState): HcnLoadBalancerSettings {
  const ids = wanted.backends.flatMap((backend) => endpointFor(backend, held)?.id ?? []);
  return { HostComputeEndpoints: [...new Set(ids)], ...wanted.settings };
}

/** Single writes: the call, the handling of its failure, and the stored state afterwards. */
import type { SyncReport } from '@signalbox/backend-kit';
import { backendError, type BackendError } from '@signalbox/core';
import { idKey } from '../compile/names.ts';
import { loadBalancerType, sameEndpoints, sameLoadBalancer } from '../diff/frontend.ts';
import type { HeldEndpoint, HeldLoadBalancer, HeldState } from '../diff/held-state.ts';
import type { Ownership } from '../diff/ownership.ts';
import { settingsOf } from '../diff/plan.ts';
import { readEndpointDocument, readLoadBalancerDocument, type RawDocument } from '../encode/documents.ts';
import { parseDocuments } from '../encode/reply.ts';
import type { HcnLoadBalancerSettings } from '../objects/hcn-documents.ts';
import type { HcnReply, HcnRequest } from '../objects/hcn-call.ts';
import {
  HRESULT,
  meaningOf,
  metricErrorOf,
  reactionTo,
  type Reaction,
  type WriteKind,
} from '../objects/hresult.ts';
import type { LoadBalancerType, DesiredHnsEndpoint, DesiredLoadBalancer } from '../objects/desired.ts';
import { hcnError } from './errors.ts';
import type { HcnApi } from './hcn-api.ts';
import { refreshAll } from './read-hns.ts';

export interface WriteFailure {
  readonly reaction: Exclude<Reaction, 'done'>;
  readonly error: BackendError;
  /** The HRESULT of HNS; 0 if it reported success. */
  readonly hresult: number;
}

export interface Writer {
  /** `null`: done. */
  createEndpoint(desired: DesiredHnsEndpoint): Promise<WriteFailure | null>;
  deleteEndpoint(held: HeldEndpoint): Promise<WriteFailure | null>;
  create(desired: DesiredLoadBalancer): Promise<WriteFailure | null>;
  modify(desired: DesiredLoadBalancer, held: HeldLoadBalancer): Promise<WriteFailure | null>;
  remove(held: HeldLoadBalancer): Promise<WriteFailure | null>;
  /** After a reply, the state of HNS is unknown. */
  readonly unsure: () => boolean;
}

interface Outcome {
  readonly failure: WriteFailure | null;
  readonly reply: HcnReply;
}

export interface WriterOptions {
  readonly hcn: HcnApi;
  readonly held: HeldState;
  readonly owned: Ownership;
  /**
   * Counts writes: those that succeeded by kind (`create-load-balancer`), those of load balancers that failed by kind, type and
   * error (`create-load-balancer/clusterip/port_already_exists`).
   */
  readonly report: Pick<SyncReport, 'count'>;
  /** Type of a load balancer to be deleted. Default: as its document shows. */
  readonly typeOf?: (balancer: HeldLoadBalancer) => LoadBalancerType;
}

export function createWriter(options: WriterOptions): Writer {
  const { hcn, held, owned, report, typeOf = ({ document }) => loadBalancerType(document) } = options;
  let unsure = false;
  const write = async (kind: WriteKind, request: HcnRequest, culprit: string): Promise<Outcome> => {
    const reply = await hcn.call(request);
    const reaction = reply.hresult === 0 ? 'done' : reactionTo(kind, reply.hresult);
    if (reply.hresult === 0) report.count(kind);
    if (reaction === 'done') return { failure: null, reply };
    const { hresult } = reply;
    return { failure: { reaction, error: hcnError(reply, culprit), hresult }, reply };
  };
  const countFailure: Writing['countFailure'] = (kind, type, failure) => {
    if (failure !== null) report.count(`${kind}/${type}/${metricErrorOf(failure.hresult)}`);
  };
  const readBack = (reply: HcnReply): RawDocument | undefined => {
    const [document] = parseDocuments(reply.items) ?? [];
    if (document === undefined) unsure = true;
    else owned.own(document.ID);
    return document;
  };
  const writing: Writing = { hcn, held, owned, report, typeOf, write, countFailure, readBack };
  return {
    unsure: () => unsure,
    ...endpointWrites(writing),
    ...loadBalancerWrites(writing),
  };
}

type Write = (kind: WriteKind, request: HcnRequest, culprit: string) => Promise<Outcome>;
/** The object as it is now; `undefined` if it could not be read. */
type ReadBack = (reply: HcnReply) => RawDocument | undefined;

interface Writing extends Required<WriterOptions> {
  readonly write: Write;
  readonly countFailure: (kind: WriteKind, type: LoadBalancerType, failure: WriteFailure | null) => void;
  readonly readBack: ReadBack;
}

/** Whether the call may have taken effect despite the failure: then the object in the next listing is owned. */
function answerLost(reply: HcnReply, document: RawDocument | undefined): boolean {
  if (reply.hresult === 0) return document === undefined;
  return reply.hresult === HRESULT.fail || meaningOf(reply.hresult).code === 'unavailable';
}

function endpointWrites({
  held,
  owned,
  write,
  readBack,
}: Writing): Pick<Writer, 'createEndpoint' | 'deleteEndpoint'> {
  return {
    async createEndpoint({ id, address, settings }) {
      const network = held.network.ID;
      const request = { op: 'create-endpoint', network, id, settings } as const;
      const { failure, reply } = await write('create-endpoint', request, `endpoint ${address}`);
      const document = failure === null ? readBack(reply) : undefined;
      if (answerLost(reply, document)) owned.expectEndpoint(settings);
      if (failure !== null) return failure;
      held.putEndpoint(document === undefined ? { ID: id, ...settings } : readEndpointDocument(document));
      return null;
    },
    async deleteEndpoint(endpoint) {
      const request = { op: 'delete-endpoint', id: endpoint.id } as const;
      const { failure } = await write('delete-endpoint', request, `endpoint ${endpoint.addresses.join(' ')}`);
      if (failure === null) held.removeEndpoint(endpoint.id);
      return failure;
    },
  };
}

function remover({ held, owned, write, typeOf, countFailure }: Writing): Writer['remove'] {
  return async (balancer) => {
    const request = { op: 'delete-load-balancer', id: balancer.id } as const;
    const first = await write('delete-load-balancer', request, balancer.frontend);
    // On Windows Server 2019 a first deletion fails sometimes; the second succeeds.
    const again = first.failure?.reaction === 'fail';
    const { failure } = again ? await write('delete-load-balancer', request, balancer.frontend) : first;
    countFailure('delete-load-balancer', typeOf(balancer), failure);
    if (failure === null) {
      held.removeLoadBalancer(balancer.id);
      owned.echoes.forget(balancer.id);
    }
    return failure;
  };
}

function loadBalancerWrites(writing: Writing): Pick<Writer, 'create' | 'modify' | 'remove'> {
  const { held, owned, write, countFailure, readBack } = writing;
  return {
    remove: remover(writing),
    async create(desired) {
      const { id, frontend } = desired;
      const settings = settingsOf(desired, held);
      const request = { op: 'create-load-balancer', id, settings } as const;
      const { failure, reply } = await write('create-load-balancer', request, frontend);
      countFailure('create-load-balancer', desired.type, failure);
      const document = failure === null ? readBack(reply) : undefined;
      if (answerLost(reply, document)) owned.expectLoadBalancer(settings);
      if (failure !== null) return failure;
      const shown = document === undefined ? { ID: id, ...settings } : readLoadBalancerDocument(document);
      owned.echoes.note(settings, shown);
      held.putLoadBalancer(shown);
      return null;
    },
    async modify(desired, balancer) {
      const settings = settingsOf(desired, held);
      const request = { op: 'modify-load-balancer', id: balancer.id, settings } as const;
      const { failure, reply } = await write('modify-load-balancer', request, desired.frontend);
      countFailure('modify-load-balancer', desired.type, failure);
      if (failure !== null) return failure;
      const raw = readBack(reply);
      const document = raw === undefined ? { ID: balancer.id, ...settings } : readLoadBalancerDocument(raw);
      // HNS 15.4 reports success and does not change the endpoints.
      const done = sameEndpoints(document, settings);
      if (done) owned.echoes.note(settings, document);
      held.putLoadBalancer(document);
      return done ? null : explain(writing, balancer, settings);
    },
  };
}

/**
 * Why a load balancer differs after its modification: HNS cannot modify, or other objects have changed meanwhile. Only the
 * first is a fault of HNS, so everything is listed again.
 */
async function explain(
  { hcn, held }: Writing,
  { id, frontend }: HeldLoadBalancer,
  settings: HcnLoadBalancerSettings,
): Promise<WriteFailure | null> {
  const error = await refreshAll(hcn, held);
  if (error !== null)
    return { reaction: error.code === 'unavailable' ? 'stop' : 'relist', error, hresult: 0 };
  const document = held.loadBalancers.get(idKey(id))?.document;
  if (document !== undefined && sameLoadBalancer(document, settings)) return null;
  const current =
    document !== undefined &&
    settings.HostComputeEndpoints.every((entry) => held.endpoints.has(idKey(entry)));
  return {
    reaction: current ? 'no-modify' : 'relist',
    error: backendError(
      'busy',
      'HcnModifyLoadBalancer',
      `${frontend}: HNS reports another load balancer than the one that was written`,
    ),
    hresult: 0,
  };
}

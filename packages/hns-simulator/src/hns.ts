/**
 * A Host Network Service in memory. `call` is what the exports of the real libraries are; everything else is what
 * happens to a host besides: pods are created and deleted, the service stops, another program removes objects.
 */
import type { EndpointDocument, LoadBalancerDocument, NetworkDocument } from './documents.ts';
import {
  attachEndpoint,
  detachEndpoint,
  HCN_FUNCTIONS,
  removeNetwork,
  type HcnArgument,
} from './functions.ts';
import { errorRecord, HcnFault, HR } from './hresult.ts';
import { idKey } from './ids.ts';
import { createState, type HnsOptions, type HnsState } from './state.ts';
import { routePacket, type HnsPacket, type HnsRoute } from './vfp.ts';

export interface HnsReply {
  /** Unsigned HRESULT. */
  readonly hr: number;
  readonly handle?: number;
  readonly text?: string;
  /** The error record. */
  readonly record?: string;
}

export interface HnsSnapshot {
  readonly networks: readonly NetworkDocument[];
  readonly endpoints: readonly EndpointDocument[];
  readonly loadBalancers: readonly LoadBalancerDocument[];
}

type StoredLoadBalancer = Pick<LoadBalancerDocument, 'ID'> & Partial<LoadBalancerDocument>;

export interface Hns {
  call(name: string, args: readonly HcnArgument[]): HnsReply;
  addNetwork(document: Omit<NetworkDocument, 'ID'>, id?: string): string;
  removeNetwork(id: string): void;
  /** A local endpoint, as a CNI plug-in makes it; a remote one with its address goes. */
  attach(endpoint: Omit<EndpointDocument, 'ID'>): EndpointDocument;
  /** Takes it out of every load balancer, and those away that are then empty. */
  detach(id: string): void;
  /** Another process, or a failure of HNS, leaves this behind: any document, lists may be absent. */
  putLoadBalancer(document: StoredLoadBalancer): void;
  dropLoadBalancer(id: string): void;
  /** A process listens on this port of the host. */
  listen(protocol: number, port: number): void;
  unlisten(protocol: number, port: number): void;
  /** Every call fails with RPC_S_SERVER_UNAVAILABLE until `start`. */
  stop(): void;
  /**
   * - `keep`: everything is there again.
   * - `lose`: load balancers are gone.
   * - `hide`: load balancers work but are not listed and cannot be opened until `rehydrate`.
   */
  start(loadBalancers: 'keep' | 'lose' | 'hide'): void;
  rehydrate(): void;
  openHandles(): number;
  snapshot(): HnsSnapshot;
  route(packet: HnsPacket): HnsRoute | null;
}

function invoke(state: HnsState, name: string, args: readonly HcnArgument[]): HnsReply {
  try {
    const run = HCN_FUNCTIONS.get(name);
    if (run === undefined) throw new HcnFault(HR.notImplemented, name);
    return { hr: HR.ok, ...run(state, args) };
  } catch (error) {
    if (!(error instanceof HcnFault)) throw error;
    return { hr: error.hr, record: errorRecord(error) };
  }
}

function failedReply(hr: number): HnsReply {
  return { hr, record: hr === HR.rpcUnavailable ? '' : errorRecord(new HcnFault(hr)) };
}

function callWithFaults(
  state: HnsState,
  { fault, lateFault }: HnsOptions,
  name: string,
  args: readonly HcnArgument[],
): HnsReply {
  // Closing cannot fail: it only lets go.
  if (name.startsWith('HcnClose')) return invoke(state, name, args);
  const early = state.running ? (fault?.(name) ?? HR.ok) : HR.rpcUnavailable;
  if (early !== HR.ok) return failedReply(early);
  const reply = invoke(state, name, args);
  const late = reply.hr === HR.ok ? (lateFault?.(name) ?? HR.ok) : HR.ok;
  if (late === HR.ok) return reply;
  if (reply.handle !== undefined) state.handles.delete(reply.handle); // it was not returned
  return failedReply(late);
}

export function createHns(options: HnsOptions = {}): Hns {
  const state = createState(options);
  return {
    ...hostEvents(state),
    call: (name, args) => callWithFaults(state, options, name, args),
    openHandles: () => state.handles.size,
    snapshot: () => ({
      networks: [...state.networks.values()],
      endpoints: [...state.endpoints.values()],
      loadBalancers: [...state.loadBalancers.values(), ...state.hidden.values()],
    }),
    route: (packet) => routePacket(state, packet),
  };
}

function hostEvents(state: HnsState): Omit<Hns, 'call' | 'openHandles' | 'snapshot' | 'route'> {
  return {
    addNetwork(document, id = '00000000-0000-0000-0000-000000000000') {
      const assigned = state.ids.assign(id);
      state.networks.set(assigned, { ...document, ID: assigned });
      return assigned;
    },
    removeNetwork: (id) => removeNetwork(state, id),
    attach: (endpoint) => attachEndpoint(state, endpoint),
    detach: (id) => detachEndpoint(state, id),
    putLoadBalancer: (document) => {
      const complete = { HostComputeEndpoints: [], PortMappings: [], ...document, ID: idKey(document.ID) };
      state.loadBalancers.set(complete.ID, complete);
    },
    dropLoadBalancer: (id) => {
      if (!state.loadBalancers.delete(idKey(id))) throw new HcnFault(HR.elementNotFound, id);
    },
    listen: (protocol, port) => void state.listeners.add(`${protocol}:${port}`),
    unlisten: (protocol, port) => void state.listeners.delete(`${protocol}:${port}`),
    ...lifecycle(state),
  };
}

function lifecycle(state: HnsState): Pick<Hns, 'stop' | 'start' | 'rehydrate'> {
  return {
    stop() {
      state.running = false;
      state.handles.clear(); // they belonged to the process that died
    },
    start(loadBalancers) {
      state.running = true;
      if (loadBalancers === 'hide') {
        for (const [id, document] of state.loadBalancers) state.hidden.set(id, document);
      }
      if (loadBalancers !== 'keep') state.loadBalancers.clear();
    },
    rehydrate() {
      for (const [id, document] of state.hidden) state.loadBalancers.set(id, document);
      state.hidden.clear();
    },
  };
}

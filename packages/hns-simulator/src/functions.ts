/** The exports of computenetwork.dll and vmcompute.dll, by name: what each does to the state. */
import type { EndpointDocument, LoadBalancerDocument, NetworkDocument } from './documents.ts';
import { addressesOf, checkEndpoint, checkUnreferenced } from './endpoint-rules.ts';
import { HcnFault, HR } from './hresult.ts';
import { idKey, isGuid } from './ids.ts';
import { checkLoadBalancer } from './load-balancer-rules.ts';
import { parseDocument, queryFilter } from './query-filter.ts';
import { atLeast, type HnsState } from './state.ts';

/** A text, a GUID as text, or a handle. */
export type HcnArgument = string | number;

interface HcnOutput {
  readonly handle?: number;
  readonly text?: string;
}

export type HcnFunction = (state: HnsState, args: readonly HcnArgument[]) => HcnOutput;

type Kind = 'Network' | 'Endpoint' | 'LoadBalancer';
type Document = NetworkDocument | EndpointDocument | LoadBalancerDocument;

const MISSING: Readonly<Record<Kind, number>> = {
  Network: HR.networkNotFound,
  Endpoint: HR.endpointNotFound,
  LoadBalancer: HR.elementNotFound,
};

function tableOf(state: HnsState, kind: Kind): ReadonlyMap<string, Document> {
  if (kind === 'Network') return state.networks;
  return kind === 'Endpoint' ? state.endpoints : state.loadBalancers;
}

function textOf(args: readonly HcnArgument[], index: number): string {
  return String(args[index] ?? '');
}

function guidOf(args: readonly HcnArgument[], index: number): string {
  const id = textOf(args, index);
  if (!isGuid(id)) throw new HcnFault(HR.invalidArgument, `"${id}" is no GUID`);
  return idKey(id);
}

function openHandle(state: HnsState, kind: Kind, id: string): HcnOutput {
  const handle = state.nextHandle++;
  state.handles.set(handle, { kind, id });
  return { handle };
}

function objectOf(state: HnsState, kind: Kind, args: readonly HcnArgument[]): Document {
  const held = state.handles.get(Number(args[0]));
  if (held === undefined || held.kind !== kind) throw new HcnFault(HR.invalidHandle);
  const found = tableOf(state, kind).get(held.id);
  if (found === undefined) throw new HcnFault(MISSING[kind]);
  return found;
}

/** As HNS writes it: zero fields left out, ids in either case. */
function render(state: HnsState, document: Document): string {
  const fields = Object.entries({ ...document, ID: state.ids.respell(document.ID) });
  return JSON.stringify(Object.fromEntries(fields.filter(([, value]) => value !== 0 && value !== '')));
}

function newId(state: HnsState, table: ReadonlyMap<string, unknown>, wanted: string): string {
  const id = state.ids.assign(
    state.options.ignoresRequestedIds ? '00000000-0000-0000-0000-000000000000' : wanted,
  );
  if (table.has(id)) throw new HcnFault(HR.alreadyExists, id);
  return id;
}

function common(kind: Kind): readonly (readonly [string, HcnFunction])[] {
  return [
    [
      `HcnEnumerate${kind}s`,
      (state, args) => {
        const matches = queryFilter(textOf(args, 0));
        const found = [...tableOf(state, kind).values()].filter(matches);
        return { text: JSON.stringify(found.map((document) => state.ids.respell(document.ID))) };
      },
    ],
    [
      `HcnOpen${kind}`,
      (state, args) => {
        const id = guidOf(args, 0);
        if (!tableOf(state, kind).has(id)) throw new HcnFault(MISSING[kind]);
        return openHandle(state, kind, id);
      },
    ],
    [
      `HcnQuery${kind}Properties`,
      (state, args) => {
        const document = objectOf(state, kind, args);
        const shown =
          kind === 'LoadBalancer' ? state.options.show(document as LoadBalancerDocument) : document;
        return { text: render(state, shown) };
      },
    ],
    [
      `HcnClose${kind}`,
      (state, args) => {
        if (!state.handles.delete(Number(args[0]))) throw new HcnFault(HR.invalidHandle);
        return {};
      },
    ],
  ];
}

function createNetwork(state: HnsState, args: readonly HcnArgument[]): HcnOutput {
  const document = parseDocument(textOf(args, 1)) as unknown as NetworkDocument;
  const id = newId(state, state.networks, guidOf(args, 0));
  state.networks.set(id, { ...document, ID: id });
  return openHandle(state, 'Network', id);
}

/** Endpoints of the network go with it, and load balancers with their last endpoint. */
export function removeNetwork(state: HnsState, id: string): void {
  if (!state.networks.delete(idKey(id))) throw new HcnFault(HR.networkNotFound);
  for (const endpoint of state.endpoints.values()) {
    if (idKey(endpoint.HostComputeNetwork) === idKey(id)) detachEndpoint(state, endpoint.ID);
  }
}

/** Takes the endpoint out of every load balancer too, as the vswitch does when its port goes. */
export function detachEndpoint(state: HnsState, id: string): void {
  state.endpoints.delete(idKey(id));
  for (const [key, balancer] of state.loadBalancers) {
    const left = balancer.HostComputeEndpoints.filter((used) => idKey(used) !== idKey(id));
    if (left.length === 0) state.loadBalancers.delete(key);
    else if (left.length < balancer.HostComputeEndpoints.length) {
      state.loadBalancers.set(key, { ...balancer, HostComputeEndpoints: left });
    }
  }
}

function createEndpoint(state: HnsState, args: readonly HcnArgument[]): HcnOutput {
  const network = objectOf(state, 'Network', args) as NetworkDocument;
  const settings = parseDocument(textOf(args, 2)) as unknown as EndpointDocument;
  const id = newId(state, state.endpoints, guidOf(args, 1));
  const endpoint = { Name: 'Ethernet', ...settings, ID: id, HostComputeNetwork: network.ID };
  checkEndpoint(state, network, endpoint);
  state.endpoints.set(id, endpoint);
  return openHandle(state, 'Endpoint', id);
}

function deleteEndpoint(state: HnsState, args: readonly HcnArgument[]): HcnOutput {
  const id = guidOf(args, 0);
  if (!state.endpoints.has(id)) throw new HcnFault(HR.endpointNotFound);
  checkUnreferenced(state, id);
  state.endpoints.delete(id);
  return {};
}

function createLoadBalancer(state: HnsState, args: readonly HcnArgument[]): HcnOutput {
  const settings = parseDocument(textOf(args, 1)) as unknown as LoadBalancerDocument;
  const id = newId(state, state.loadBalancers, guidOf(args, 0));
  checkLoadBalancer(state, settings, '');
  state.loadBalancers.set(id, { ...settings, ID: id });
  return openHandle(state, 'LoadBalancer', id);
}

function modifyLoadBalancer(state: HnsState, args: readonly HcnArgument[]): HcnOutput {
  const balancer = objectOf(state, 'LoadBalancer', args);
  if (state.options.modifyLies) return {};
  if (!atLeast(state.options.version, 15, 5)) throw new HcnFault(HR.notImplemented);
  const settings = parseDocument(textOf(args, 1)) as unknown as LoadBalancerDocument;
  checkLoadBalancer(state, settings, balancer.ID);
  state.loadBalancers.set(idKey(balancer.ID), { ...settings, ID: balancer.ID });
  return {};
}

function deleteLoadBalancer(state: HnsState, args: readonly HcnArgument[]): HcnOutput {
  if (!state.loadBalancers.delete(guidOf(args, 0))) throw new HcnFault(HR.elementNotFound);
  return {};
}

/** The older REST-like entry point; only what a service proxy asks at its start. */
function hnsCall(state: HnsState, args: readonly HcnArgument[]): HcnOutput {
  const path = textOf(args, 1);
  const { major, minor } = state.options.version;
  if (path === '/globals/version') {
    return { text: JSON.stringify({ Success: true, Output: { Major: major, Minor: minor } }) };
  }
  if (path.startsWith('/policylists')) return { text: JSON.stringify({ Success: true, Output: [] }) };
  return { text: JSON.stringify({ Success: false, Error: `no such path: ${path}` }) };
}

export const HCN_FUNCTIONS: ReadonlyMap<string, HcnFunction> = new Map<string, HcnFunction>([
  ...common('Network'),
  ...common('Endpoint'),
  ...common('LoadBalancer'),
  ['HcnCreateNetwork', createNetwork],
  ['HcnCreateEndpoint', createEndpoint],
  ['HcnDeleteEndpoint', deleteEndpoint],
  ['HcnCreateLoadBalancer', createLoadBalancer],
  ['HcnModifyLoadBalancer', modifyLoadBalancer],
  ['HcnDeleteLoadBalancer', deleteLoadBalancer],
  ['HNSCall', hnsCall],
]);

/** The plug-in wins: an endpoint of a remote pod with that address is removed. */
function displaceRemote(state: HnsState, endpoint: EndpointDocument): void {
  const network = idKey(endpoint.HostComputeNetwork);
  for (const address of addressesOf(endpoint)) {
    const other = [...state.endpoints.values()].find(
      (held) => idKey(held.HostComputeNetwork) === network && addressesOf(held).includes(address),
    );
    if (other !== undefined) detachEndpoint(state, other.ID);
  }
}

/** An endpoint made by a CNI plug-in, without a handle. */
export function attachEndpoint(state: HnsState, settings: Omit<EndpointDocument, 'ID'>): EndpointDocument {
  const network = state.networks.get(idKey(settings.HostComputeNetwork));
  if (network === undefined) throw new HcnFault(HR.networkNotFound);
  const endpoint = { ...settings, ID: state.ids.assign('00000000-0000-0000-0000-000000000000') };
  if (!state.options.sharedAddresses) displaceRemote(state, endpoint);
  checkEndpoint(state, network, endpoint);
  state.endpoints.set(endpoint.ID, endpoint);
  return endpoint;
}

/** Everything that the kernel should hold, kept up to date change by change. */
import {
  createDesiredView,
  createOwnedObjects,
  type DesiredView,
  type OwnedObjects,
  type Step,
} from '@signalbox/backend-kit';
import type { DesiredChange, DesiredEndpoint, DesiredNode, DesiredServicePort } from '@signalbox/core';
import type { SetId } from '../compile/names.ts';
import type { CompileContext } from '../compile/compile-context.ts';
import type { PlacedEntry } from '../compile/ip-sets.ts';
import { nodePortAddresses } from '../compile/node-ports.ts';
import { compileHealthCheck, compileServicePort, type Contribution } from '../compile/service-dispatch.ts';
import type { DesiredServer } from '../compile/virtual-servers.ts';
import { sameSettings } from '../objects/virtual-server.ts';

/** What a change means for the kernel. */
export interface DesiredSteps {
  readonly servers: ReadonlyMap<string, Step<DesiredServer>>;
  readonly entries: ReadonlyMap<string, Step<PlacedEntry>>;
  readonly addresses: ReadonlyMap<string, Step<true>>;
}

export type DesiredOptions = Omit<CompileContext, 'node' | 'nodePortAddresses'>;

export interface DesiredObjects {
  readonly servers: OwnedObjects<DesiredServer>;
  readonly entries: OwnedObjects<PlacedEntry>;
  readonly addresses: OwnedObjects<true>;
  /** Absent before the first change. */
  readonly node: DesiredNode | undefined;
  readonly servicePorts: ReadonlyMap<string, DesiredServicePort>;
  /** Addresses on devices other than the service device: they are not bound a second time. */
  readonly hostAddresses: ReadonlySet<string>;
  /** Where node ports are served. */
  readonly nodePortAddresses: ReadonlySet<string>;
  /** What the kernel must hold because of this service port; `null` before the first change. */
  contributionOf(servicePort: DesiredServicePort): Contribution | null;
  /** For a comparison beside a sync, which may take the steps of this one. `null` before the first change. */
  copy(): DesiredObjects | null;
  /** How many entries a set holds after the steps taken so far. */
  count(set: SetId): number;
  apply(change: DesiredChange): void;
  /** The host's other addresses decide which service addresses are bound and which ones take node ports. */
  setHostAddresses(addresses: ReadonlySet<string>): void;
  takeSteps(): DesiredSteps;
  isBoundElsewhere(address: string): boolean;
}

type Objects = Pick<DesiredObjects, 'servers' | 'entries' | 'addresses'>;

interface State extends Objects {
  readonly options: DesiredOptions;
  readonly view: DesiredView;
  readonly counts: Map<SetId, number>;
  hostAddresses: ReadonlySet<string>;
  context: CompileContext | undefined;
}

export function createDesiredObjects(options: DesiredOptions): DesiredObjects {
  const objects: Objects = {
    servers: createOwnedObjects(sameServer),
    entries: createOwnedObjects(() => true),
    addresses: createOwnedObjects(),
  };
  const view = createDesiredView();
  const counts = new Map<SetId, number>();
  const state: State = { ...objects, options, view, counts, hostAddresses: new Set(), context: undefined };
  return {
    ...objects,
    servicePorts: view.servicePorts,
    get node() {
      return state.context?.node;
    },
    get hostAddresses() {
      return state.hostAddresses;
    },
    get nodePortAddresses() {
      return new Set(state.context?.nodePortAddresses);
    },
    contributionOf: (servicePort) =>
      state.context === undefined ? null : compileServicePort(servicePort, state.context),
    copy: () => copyOf(state),
    count: (set) => counts.get(set) ?? 0,
    apply: (change) => apply(state, change),
    setHostAddresses(addresses) {
      state.hostAddresses = addresses;
      if (state.context !== undefined) setNode(state, state.context.node, []);
    },
    takeSteps: () => takeSteps(state),
    isBoundElsewhere: (address) => state.hostAddresses.has(address),
  };
}

function copyOf({ view, options }: State): DesiredObjects | null {
  const full = view.full();
  if (full === null) return null;
  const copy = createDesiredObjects(options);
  copy.apply(full);
  return copy;
}

function apply(state: State, change: DesiredChange): void {
  const { view, servers, entries, addresses } = state;
  view.apply(change);
  // What failed is found by the next comparison with the kernel, not by what is owed.
  view.settle();
  if (change.kind === 'full') for (const objects of [servers, entries, addresses]) objects.clear();
  for (const { key } of change.servicePorts.removed) contribute(state, key, null);
  for (const { before } of change.healthChecks.changed) contribute(state, healthKey(before), null);
  for (const check of change.healthChecks.removed) contribute(state, healthKey(check), null);
  const arrivals = [...change.servicePorts.added, ...change.servicePorts.changed.map(({ after }) => after)];
  if (change.nodeChanged || state.context === undefined) setNode(state, change.node, arrivals);
  else for (const servicePort of arrivals) compile(state, servicePort, state.context);
  const checks = [...change.healthChecks.added, ...change.healthChecks.changed.map(({ after }) => after)];
  for (const check of checks) contribute(state, healthKey(check), compileHealthCheck(check));
}

function takeSteps({ servers, entries, addresses, counts }: State): DesiredSteps {
  const adjust = (set: SetId, by: number): unknown => counts.set(set, (counts.get(set) ?? 0) + by);
  const steps = entries.takeSteps();
  for (const { before, after } of steps.values()) {
    if (before !== undefined && after === undefined) adjust(before.set, -1);
    if (before === undefined && after !== undefined) adjust(after.set, 1);
  }
  return { servers: servers.takeSteps(), entries: steps, addresses: addresses.takeSteps() };
}

/** Compiles `arrivals`, and all others too if the node's change concerns them. */
function setNode(state: State, node: DesiredNode, arrivals: readonly DesiredServicePort[]): void {
  const before = state.context?.nodePortAddresses ?? [];
  const context = contextFor(state, node);
  const same =
    before.length === context.nodePortAddresses.length &&
    before.every((address, index) => address === context.nodePortAddresses[index]);
  state.context = context;
  const concerned = same ? arrivals : state.view.servicePorts.values();
  for (const servicePort of concerned) compile(state, servicePort, context);
}

function contextFor(state: State, node: DesiredNode): CompileContext {
  const boundByServicesAlone = {
    has: (address: string): boolean => isServiceAddress(state, address) && !state.hostAddresses.has(address),
  };
  return { ...state.options, node, nodePortAddresses: nodePortAddresses(node, boundByServicesAlone) };
}

/** Of a service port that is compiled, or is about to be. */
function isServiceAddress({ addresses, view }: State, address: string): boolean {
  if (addresses.has(address)) return true;
  for (const { frontends } of view.servicePorts.values()) {
    if (frontends.some((frontend) => frontend.kind !== 'node-port' && frontend.address === address)) {
      return true;
    }
  }
  return false;
}

function compile(state: State, servicePort: DesiredServicePort, context: CompileContext): void {
  contribute(state, servicePort.key, compileServicePort(servicePort, context));
}

/** Replaces what the owner contributed before; `null` withdraws it. */
function contribute(
  { servers, entries, addresses }: Objects,
  owner: string,
  contribution: Contribution | null,
): void {
  servers.contribute(owner, contribution?.servers ?? []);
  entries.contribute(owner, contribution?.entries ?? []);
  addresses.contribute(
    owner,
    (contribution?.addresses ?? []).map((address) => [address, true]),
  );
}

function healthKey(check: { readonly key: string }): string {
  return `health-check ${check.key}`;
}

function sameServer(one: DesiredServer, other: DesiredServer): boolean {
  return (
    sameSettings(one.server, other.server) &&
    sameEndpoints(one.endpoints, other.endpoints) &&
    sameEndpoints(one.serving, other.serving)
  );
}

/** Both sorted and without duplicates, as the contract has them. */
function sameEndpoints(one: readonly DesiredEndpoint[], other: readonly DesiredEndpoint[]): boolean {
  if (one === other) return true;
  if (one.length !== other.length) return false;
  return one.every((endpoint, index) => {
    const match = other[index];
    return (
      endpoint.address === match?.address && endpoint.port === match.port && endpoint.weight === match.weight
    );
  });
}

/** Everything that the kernel should hold, kept up to date change by change. */
import { createDesiredView, createOwnedObjects, type Step } from '@signalbox/backend-kit';
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

const NO_ADDRESSES: ReadonlySet<string> = new Set();

export class DesiredObjects {
  readonly servers = createOwnedObjects<DesiredServer>(sameServer);
  readonly entries = createOwnedObjects<PlacedEntry>(() => true);
  readonly addresses = createOwnedObjects<true>();
  readonly #options: DesiredOptions;
  readonly #view = createDesiredView();
  readonly #counts = new Map<SetId, number>();
  #hostAddresses = NO_ADDRESSES;
  #context: CompileContext | undefined;

  constructor(options: DesiredOptions) {
    this.#options = options;
  }

  get node(): DesiredNode | undefined {
    return this.#context?.node;
  }

  get servicePorts(): ReadonlyMap<string, DesiredServicePort> {
    return this.#view.servicePorts;
  }

  /** What the kernel must hold because of this service port; `null` before the first change. */
  contributionOf(servicePort: DesiredServicePort): Contribution | null {
    return this.#context === undefined ? null : compileServicePort(servicePort, this.#context);
  }

  /** For a comparison beside a sync, which may take the steps of this one. `null` before the first change. */
  copy(): DesiredObjects | null {
    const full = this.#view.full();
    if (full === null) return null;
    const copy = new DesiredObjects(this.#options);
    copy.apply(full);
    return copy;
  }

  /** Addresses on devices other than the service device: they are not bound a second time. */
  get hostAddresses(): ReadonlySet<string> {
    return this.#hostAddresses;
  }

  /** Where node ports are served. */
  get nodePortAddresses(): ReadonlySet<string> {
    return new Set(this.#context?.nodePortAddresses);
  }

  /** How many entries a set holds after the steps taken so far. */
  count(set: SetId): number {
    return this.#counts.get(set) ?? 0;
  }

  apply(change: DesiredChange): void {
    this.#view.apply(change);
    // What failed is found by the next comparison with the kernel, not by what is owed.
    this.#view.settle();
    if (change.kind === 'full')
      for (const objects of [this.servers, this.entries, this.addresses]) objects.clear();
    for (const { key } of change.servicePorts.removed) this.#contribute(key, null);
    for (const { before } of change.healthChecks.changed) this.#contribute(healthKey(before), null);
    for (const check of change.healthChecks.removed) this.#contribute(healthKey(check), null);
    const arrivals = [...change.servicePorts.added, ...change.servicePorts.changed.map(({ after }) => after)];
    if (change.nodeChanged || this.#context === undefined) this.#setNode(change.node, arrivals);
    else for (const servicePort of arrivals) this.#compile(servicePort, this.#context);
    const checks = [...change.healthChecks.added, ...change.healthChecks.changed.map(({ after }) => after)];
    for (const check of checks) this.#contribute(healthKey(check), compileHealthCheck(check));
  }

  /** The host's other addresses decide which service addresses are bound and which ones take node ports. */
  setHostAddresses(addresses: ReadonlySet<string>): void {
    this.#hostAddresses = addresses;
    if (this.#context !== undefined) this.#setNode(this.#context.node, []);
  }

  takeSteps(): DesiredSteps {
    const entries = this.entries.takeSteps();
    for (const { before, after } of entries.values()) {
      if (before !== undefined && after === undefined) this.#adjustCount(before.set, -1);
      if (before === undefined && after !== undefined) this.#adjustCount(after.set, 1);
    }
    return { servers: this.servers.takeSteps(), entries, addresses: this.addresses.takeSteps() };
  }

  isBoundElsewhere(address: string): boolean {
    return this.#hostAddresses.has(address);
  }

  /** Compiles `arrivals`, and all others too if the node's change concerns them. */
  #setNode(node: DesiredNode, arrivals: readonly DesiredServicePort[]): void {
    const before = this.#context?.nodePortAddresses ?? [];
    const context = this.#contextFor(node);
    const same =
      before.length === context.nodePortAddresses.length &&
      before.every((address, index) => address === context.nodePortAddresses[index]);
    this.#context = context;
    const concerned = same ? arrivals : this.servicePorts.values();
    for (const servicePort of concerned) this.#compile(servicePort, context);
  }

  #contextFor(node: DesiredNode): CompileContext {
    const boundByServicesAlone = {
      has: (address: string): boolean => this.#isServiceAddress(address) && !this.#hostAddresses.has(address),
    };
    return { ...this.#options, node, nodePortAddresses: nodePortAddresses(node, boundByServicesAlone) };
  }

  /** Of a service port that is compiled, or is about to be. */
  #isServiceAddress(address: string): boolean {
    if (this.addresses.has(address)) return true;
    for (const { frontends } of this.servicePorts.values()) {
      if (frontends.some((frontend) => frontend.kind !== 'node-port' && frontend.address === address)) {
        return true;
      }
    }
    return false;
  }

  #compile(servicePort: DesiredServicePort, context: CompileContext): void {
    this.#contribute(servicePort.key, compileServicePort(servicePort, context));
  }

  /** Replaces what the owner contributed before; `null` withdraws it. */
  #contribute(owner: string, contribution: Contribution | null): void {
    this.servers.contribute(owner, contribution?.servers ?? []);
    this.entries.contribute(owner, contribution?.entries ?? []);
    this.addresses.contribute(
      owner,
      (contribution?.addresses ?? []).map((address) => [address, true]),
    );
  }

  #adjustCount(set: SetId, by: number): void {
    this.#counts.set(set, this.count(set) + by);
  }
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

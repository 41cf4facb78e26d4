/**
 * Which flows must be deleted from the kernel's table so that rules apply to their next packet (S44-S49).
 *
 * Every UDP flow whose answers do not come from an endpoint that still serves. Of SCTP (S48) only what cannot
 * be in use: flows to a frontend that is gone, and flows that were never sent to an endpoint at all. An SCTP
 * association to an endpoint that merely fails its readiness probe must be kept, and here such an
 * association cannot be distinguished from one to an endpoint that is gone. TCP never: its peers detect a
 * broken connection themselves.
 */
import type { ChangeSet } from '../desired/desired-change.ts';
import type { DesiredState } from '../desired/desired-state.ts';
import { PROTOCOL_NUMBER } from '../model/family.ts';
import { formatAddressPort } from '../model/ip.ts';
import type { Flow } from './flow.ts';
import { isTracked, trackedVips, vipKey, wasRedirected, type FlowServicePort } from './tracked-flows.ts';

/** The service ports of a change; all that is read here. */
export interface ServicePortChange {
  readonly servicePorts: ChangeSet<FlowServicePort>;
}

/** `address:port` of endpoints that may go on answering. */
type Allowed = ReadonlySet<string>;

interface NodePortExpectation {
  readonly allowed: Allowed;
  /** Endpoints that served before the change: a flow to one of them was redirected by Signalbox. */
  readonly former: Allowed;
}

interface Expectations {
  /** By protocol and `address:port` of cluster IPs, external IPs and load-balancer IPs. */
  readonly vips: Map<string, Allowed>;
  /** By protocol and node port. */
  readonly nodePorts: Map<string, NodePortExpectation>;
}

/** Of a frontend that is gone. */
const NO_ENDPOINTS: Allowed = new Set();

function expect(servicePort: FlowServicePort, allowed: Allowed, { vips, nodePorts }: Expectations): void {
  const protocol = PROTOCOL_NUMBER[servicePort.name.protocol];
  for (const frontend of servicePort.frontends) {
    if (frontend.kind === 'node-port') {
      const key = `${protocol} ${frontend.port}`;
      const known = nodePorts.get(key)?.former ?? NO_ENDPOINTS;
      const former = allowed === NO_ENDPOINTS ? new Set([...known, ...serving(servicePort)]) : known;
      nodePorts.set(key, { allowed, former });
    } else vips.set(vipKey(protocol, frontend.address, frontend.port), allowed);
  }
}

function serving(servicePort: FlowServicePort): Allowed {
  return new Set(servicePort.servingEndpoints.map(({ address, port }) => formatAddressPort(address, port)));
}

function concerned(change: ServicePortChange): {
  readonly old: readonly FlowServicePort[];
  readonly current: readonly FlowServicePort[];
} {
  const { added, changed, removed } = change.servicePorts;
  return {
    old: [...removed, ...changed.map(({ before }) => before)].filter(isTracked),
    current: [...added, ...changed.map(({ after }) => after)].filter(isTracked),
  };
}

/**
 * Removed frontends allow no endpoint; then existing ones set their serving endpoints. An address that passed
 * from one service to another is thereby checked against its new owner.
 */
function expectationsOf(change: ServicePortChange): Expectations {
  const expectations: Expectations = { vips: new Map(), nodePorts: new Map() };
  const { old, current } = concerned(change);
  for (const servicePort of old) expect(servicePort, NO_ENDPOINTS, expectations);
  for (const servicePort of current) expect(servicePort, serving(servicePort), expectations);
  return expectations;
}

/** Addresses that have, on the number of one of these node ports, a service port of their own; computed at first use. */
function createVipLookup(
  state: Pick<DesiredState, 'servicePorts'>,
  nodePorts: Expectations['nodePorts'],
): (key: string) => boolean {
  const found: { vips: ReadonlySet<string> | null } = { vips: null };
  const find = (): ReadonlySet<string> =>
    trackedVips(state, (protocol, port) => nodePorts.has(`${protocol} ${port}`));
  return (key) => (found.vips ??= find()).has(key);
}

interface Surroundings {
  readonly expectations: Expectations;
  readonly nodePortIPs: ReadonlySet<string>;
  readonly isVip: (key: string) => boolean;
}

/**
 * The endpoints that may answer a flow; `undefined`: the change does not concern the flow. A flow addressed to another
 * service, or to a port of another host that equals a node port, is not a flow of the node port: those are addressed to
 * this node or, where the node has addresses that are not listed, were redirected to an endpoint of the node port.
 */
function allowedFor(flow: Flow, { expectations, nodePortIPs, isVip }: Surroundings): Allowed | undefined {
  const { protocol, original, reply } = flow;
  const key = vipKey(protocol, original.destination, original.destinationPort);
  const vip = expectations.vips.get(key);
  if (vip !== undefined) return vip;
  const nodePort = expectations.nodePorts.get(`${protocol} ${original.destinationPort}`);
  if (nodePort === undefined) return undefined;
  const isOurs =
    nodePortIPs.has(original.destination) ||
    (wasRedirected(flow) && nodePort.former.has(formatAddressPort(reply.source, reply.sourcePort)));
  return isOurs && !isVip(key) ? nodePort.allowed : undefined;
}

function isStale(flow: Flow, allowed: Allowed): boolean {
  const { source, sourcePort } = flow.reply;
  if (allowed.has(formatAddressPort(source, sourcePort))) return false;
  return flow.protocol === PROTOCOL_NUMBER.UDP || allowed === NO_ENDPOINTS || !wasRedirected(flow);
}

/** What a change removes or alters, as it was: the fields that `wholeState` needs. */
export function formerServicePorts(change: ServicePortChange): readonly FlowServicePort[] {
  return concerned(change).old;
}

/**
 * For `selectStaleFlows`: all service ports, and the removed ones (`formerServicePorts`). For the case that no single
 * change names what to check, such as after rules were missing for a while: flows that began then reach no endpoint.
 */
export function wholeState(
  { servicePorts }: Pick<DesiredState, 'servicePorts'>,
  former: readonly FlowServicePort[],
): ServicePortChange {
  return { servicePorts: { added: [...servicePorts.values()], changed: [], removed: former } };
}

/** Service ports whose flows are checked when the service port changes or is removed (S48). */
export function trackedServicePorts({
  servicePorts,
}: Pick<DesiredState, 'servicePorts'>): readonly FlowServicePort[] {
  return [...servicePorts.values()].filter(isTracked);
}

/** Whether the change can have made flows stale: if not, the table need not be listed (S44). */
export function mayLeaveStaleFlows(change: ServicePortChange): boolean {
  const { old, current } = concerned(change);
  return old.length > 0 || current.length > 0;
}

/**
 * The flows to delete after `change` was programmed: those to a frontend named in the change whose answers do
 * not come from an endpoint that still serves (removed endpoints, removed frontends, flows that began
 * before the service had any endpoint and so were never redirected), as far as their protocol allows. After a
 * restart (a full change) flows to serving endpoints stay. `flows`: one family's listing, possibly
 * incomplete; the very objects are returned.
 */
export function selectStaleFlows<F extends Flow>(
  change: ServicePortChange,
  state: Pick<DesiredState, 'node' | 'servicePorts'>,
  flows: Iterable<F>,
): F[] {
  const expectations = expectationsOf(change);
  const surroundings: Surroundings = {
    expectations,
    nodePortIPs: new Set(state.node.nodePortIPs),
    isVip: createVipLookup(state, expectations.nodePorts),
  };
  const stale: F[] = [];
  for (const flow of flows) {
    const allowed = allowedFor(flow, surroundings);
    if (allowed !== undefined && isStale(flow, allowed)) stale.push(flow);
  }
  return stale;
}

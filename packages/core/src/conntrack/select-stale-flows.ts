/**
 * Which flows must be forgotten by the kernel so that their next packet is decided anew (S44-S49).
 *
 * Every UDP flow whose answers do not come from an endpoint that still serves. Of SCTP (S48) only what cannot
 * be alive: flows to a frontend that is gone, and flows that were never sent to an endpoint at all. An SCTP
 * association to an endpoint that merely fails its readiness probe must survive, and from here such an
 * endpoint looks like one that is gone. TCP never: its peers notice by themselves.
 */
import type { DesiredChange } from '../desired/desired-change.ts';
import type { DesiredServicePort, DesiredState } from '../desired/desired-state.ts';
import { PROTOCOL_NUMBER } from '../model/family.ts';
import { formatAddressPort } from '../model/ip.ts';
import type { Flow } from './flow.ts';

/** `address:port` of endpoints that may go on answering. */
type Allowed = ReadonlySet<string>;

interface Expectations {
  /** By protocol and `address:port` of cluster IPs, external IPs and load-balancer IPs. */
  readonly vips: Map<string, Allowed>;
  /** By protocol and node port. */
  readonly nodePorts: Map<string, Allowed>;
}

/** Of a frontend that is gone. */
const NOBODY: Allowed = new Set();

function expect(servicePort: DesiredServicePort, allowed: Allowed, expectations: Expectations): void {
  const protocol = PROTOCOL_NUMBER[servicePort.name.protocol];
  for (const frontend of servicePort.frontends) {
    if (frontend.kind === 'node-port') expectations.nodePorts.set(`${protocol} ${frontend.port}`, allowed);
    else {
      const address = formatAddressPort(frontend.address, frontend.port);
      expectations.vips.set(`${protocol} ${address}`, allowed);
    }
  }
}

function serving(servicePort: DesiredServicePort): Allowed {
  return new Set(servicePort.servingEndpoints.map(({ address, port }) => formatAddressPort(address, port)));
}

function isTracked({ name }: DesiredServicePort): boolean {
  return name.protocol === 'UDP' || name.protocol === 'SCTP';
}

function concerned(change: DesiredChange): {
  readonly old: readonly DesiredServicePort[];
  readonly current: readonly DesiredServicePort[];
} {
  const { added, changed, removed } = change.servicePorts;
  return {
    old: [...removed, ...changed.map(({ before }) => before)].filter(isTracked),
    current: [...added, ...changed.map(({ after }) => after)].filter(isTracked),
  };
}

/**
 * Frontends that are gone allow nobody; then those that exist now say whom they allow. An address that passed
 * from one service to another is thereby judged by its new owner.
 */
function expectationsOf(change: DesiredChange): Expectations {
  const expectations: Expectations = { vips: new Map(), nodePorts: new Map() };
  const { old, current } = concerned(change);
  for (const servicePort of old) expect(servicePort, NOBODY, expectations);
  for (const servicePort of current) expect(servicePort, serving(servicePort), expectations);
  return expectations;
}

function wasRedirected({ original, reply }: Flow): boolean {
  return reply.source !== original.destination || reply.sourcePort !== original.destinationPort;
}

/**
 * A flow to some host's port that merely equals a node port is not ours: it must be addressed to this node,
 * or have been redirected.
 */
function allowedFor(flow: Flow, expectations: Expectations, nodePortIPs: Allowed): Allowed | undefined {
  const { protocol } = flow;
  const { destination, destinationPort } = flow.original;
  const vip = expectations.vips.get(`${protocol} ${formatAddressPort(destination, destinationPort)}`);
  if (vip !== undefined) return vip;
  const isNodePort = nodePortIPs.has(destination) || wasRedirected(flow);
  return isNodePort ? expectations.nodePorts.get(`${protocol} ${destinationPort}`) : undefined;
}

function isStale(flow: Flow, allowed: Allowed): boolean {
  const { source, sourcePort } = flow.reply;
  if (allowed.has(formatAddressPort(source, sourcePort))) return false;
  return flow.protocol === PROTOCOL_NUMBER.UDP || allowed === NOBODY || !wasRedirected(flow);
}

/** Whether the change can have made flows stale: if not, the table need not be listed (S44). */
export function mayLeaveStaleFlows(change: DesiredChange): boolean {
  const { old, current } = concerned(change);
  return old.length > 0 || current.length > 0;
}

/**
 * The flows to delete after `change` was programmed: those to a frontend named in the change whose answers do
 * not come from an endpoint that still serves (dead endpoints, frontends that are gone, flows that began
 * before the service had any endpoint and so were never redirected), as far as their protocol allows. After a
 * restart (a full change) flows to serving endpoints stay (G30). `flows`: one family's listing, possibly
 * incomplete; the very objects are returned.
 */
export function selectStaleFlows<F extends Flow>(
  change: DesiredChange,
  state: Pick<DesiredState, 'node'>,
  flows: Iterable<F>,
): F[] {
  const expectations = expectationsOf(change);
  const nodePortIPs = new Set(state.node.nodePortIPs);
  const stale: F[] = [];
  for (const flow of flows) {
    const allowed = allowedFor(flow, expectations, nodePortIPs);
    if (allowed !== undefined && isStale(flow, allowed)) stale.push(flow);
  }
  return stale;
}

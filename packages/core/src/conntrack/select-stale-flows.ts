/**
 * Which UDP flows must be forgotten by the kernel so that their next packet is decided anew (S44-S49).
 *
 * UDP only. A TCP peer of a dead endpoint notices by itself, and cutting a live connection is worse than
 * waiting (S48). SCTP is left alone for the same reason: whether an endpoint is gone or merely failed a
 * readiness probe cannot be told from here, and a live association must survive the second.
 */
import type { DesiredChange } from '../desired/desired-change.ts';
import type { DesiredServicePort, DesiredState } from '../desired/desired-state.ts';
import { PROTOCOL_NUMBER } from '../model/family.ts';
import { formatAddressPort } from '../model/ip.ts';
import type { Flow } from './flow.ts';

/** `address:port` of endpoints that may go on answering. */
type Allowed = ReadonlySet<string>;

interface Expectations {
  /** By `address:port` of cluster IPs, external IPs and load-balancer IPs. */
  readonly vips: Map<string, Allowed>;
  /** By node port. */
  readonly nodePorts: Map<number, Allowed>;
}

const NOBODY: Allowed = new Set();

function expect(servicePort: DesiredServicePort, allowed: Allowed, expectations: Expectations): void {
  for (const frontend of servicePort.frontends) {
    if (frontend.kind === 'node-port') expectations.nodePorts.set(frontend.port, allowed);
    else expectations.vips.set(formatAddressPort(frontend.address, frontend.port), allowed);
  }
}

function serving(servicePort: DesiredServicePort): Allowed {
  return new Set(servicePort.servingEndpoints.map(({ address, port }) => formatAddressPort(address, port)));
}

function isUDP({ name }: DesiredServicePort): boolean {
  return name.protocol === 'UDP';
}

function concerned(change: DesiredChange): {
  readonly old: readonly DesiredServicePort[];
  readonly current: readonly DesiredServicePort[];
} {
  const { added, changed, removed } = change.servicePorts;
  return {
    old: [...removed, ...changed.map(({ before }) => before)].filter(isUDP),
    current: [...added, ...changed.map(({ after }) => after)].filter(isUDP),
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
  const { destination, destinationPort } = flow.original;
  const vip = expectations.vips.get(formatAddressPort(destination, destinationPort));
  if (vip !== undefined) return vip;
  const isNodePort = nodePortIPs.has(destination) || wasRedirected(flow);
  return isNodePort ? expectations.nodePorts.get(destinationPort) : undefined;
}

/** Whether the change can have made flows stale: if not, the table need not be listed (S44). */
export function mayLeaveStaleFlows(change: DesiredChange): boolean {
  const { old, current } = concerned(change);
  return old.length > 0 || current.length > 0;
}

/**
 * The flows to delete after `change` was programmed. Stale is every UDP flow to a frontend named in the
 * change whose answers do not come from an endpoint that still serves: dead endpoints, frontends that are
 * gone, and flows that began before the service had any endpoint and so were never redirected. After a
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
    if (flow.protocol !== PROTOCOL_NUMBER.UDP) continue;
    const allowed = allowedFor(flow, expectations, nodePortIPs);
    if (allowed === undefined) continue;
    const { source, sourcePort } = flow.reply;
    if (!allowed.has(formatAddressPort(source, sourcePort))) stale.push(flow);
  }
  return stale;
}

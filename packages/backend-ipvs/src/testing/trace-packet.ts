/** The first packet of a connection through netfilter and IPVS, over typed objects. */
import {
  isNodeAddress,
  tracedPacket,
  traverse,
  type TracedPacket,
  type World,
} from '@signalbox/iptables/testing';
import type { TableName } from '@signalbox/iptables';
import {
  cidrContains,
  formatAddressPort,
  parseCidr,
  type Destination,
  type Family,
  type Outcome,
  type Packet,
  type Protocol,
} from '@signalbox/core';
import { entryText, type IpSetEntry } from '../objects/ip-set.ts';
import type { RealServer } from '../objects/real-server.ts';
import { IP_VS_SVC_F_PERSISTENT, virtualServerKey } from '../objects/virtual-server.ts';
import type { FakeKernel, FakeServer, FakeSet } from './fake-kernel.ts';

/** Persistence templates: virtual server and client → real server. */
export type Templates = Map<string, RealServer>;

/** The kernel that a packet traverses, and how real servers are chosen. */
export interface TraceInput {
  readonly kernel: FakeKernel;
  readonly family: Family;
  /** Picks a real server of those that serve; absent: all of them. */
  readonly pick?: (servers: readonly RealServer[]) => RealServer | undefined;
  /** Read and written if `pick` is given; absent: no client keeps its real server. */
  readonly templates?: Templates;
}

type Verdict = 'accept' | 'drop' | 'reject';
interface Passed {
  readonly verdict: Verdict;
  readonly packet: TracedPacket;
}

/** Every possible outcome for the packet; with `pick`, the outcome that it chooses. */
export function tracePacket(input: TraceInput, packet: Packet): Outcome {
  const start = tracedPacket(packet);
  return packet.inInterface === null ? sent(input, start) : received(input, start);
}

/** PREROUTING, then INPUT and IPVS if the destination is this host. */
function received(input: TraceInput, start: TracedPacket): Outcome {
  const routed = hooks(input, start, [
    ['mangle', 'PREROUTING'],
    ['nat', 'PREROUTING'],
  ]);
  if (routed.verdict !== 'accept') return { kind: routed.verdict };
  const local = isNodeAddress(routed.packet.destination, worldOf(input));
  const filtered = hooks(input, routed.packet, [['filter', local ? 'INPUT' : 'FORWARD']]);
  if (filtered.verdict !== 'accept') return { kind: filtered.verdict };
  const server = local ? serverOf(input, filtered.packet) : undefined;
  return server === undefined ? { kind: 'pass' } : balanced(input, filtered.packet, server);
}

/** OUTPUT with IPVS in the middle of it; what the node sends to itself comes in again over loopback. */
function sent(input: TraceInput, start: TracedPacket): Outcome {
  const marked = hooks(input, start, [
    ['mangle', 'OUTPUT'],
    ['nat', 'OUTPUT'],
  ]);
  if (marked.verdict !== 'accept') return { kind: marked.verdict };
  const server = serverOf(input, marked.packet);
  if (server !== undefined) return balanced(input, marked.packet, server);
  const filtered = hooks(input, marked.packet, [['filter', 'OUTPUT']]);
  if (filtered.verdict !== 'accept') return { kind: filtered.verdict };
  if (!isNodeAddress(filtered.packet.destination, worldOf(input))) return { kind: 'pass' };
  const arrived = hooks(input, { ...filtered.packet, inInterface: 'lo' }, [
    ['mangle', 'PREROUTING'],
    ['filter', 'INPUT'],
  ]);
  return arrived.verdict === 'accept' ? { kind: 'pass' } : { kind: arrived.verdict };
}

/** What IPVS does with a packet to one of its virtual servers. */
function balanced(input: TraceInput, packet: TracedPacket, server: FakeServer): Outcome {
  const serving = [...server.reals.values()].filter(({ weight }) => weight > 0);
  const chosen = choose(input, packet, { server, serving });
  // "No destination available": the kernel answers with ICMP port unreachable.
  if (chosen.length === 0) return { kind: 'reject' };
  const destinations = chosen
    .map((real) => delivered(input, packet, real))
    .toSorted((one, other) => (addressPort(one) < addressPort(other) ? -1 : 1));
  return { kind: 'forward', destinations };
}

function choose(
  { pick, templates }: TraceInput,
  packet: TracedPacket,
  { server, serving }: { readonly server: FakeServer; readonly serving: readonly RealServer[] },
): readonly RealServer[] {
  if (pick === undefined) return serving;
  const persistent = (server.server.flags & IP_VS_SVC_F_PERSISTENT) !== 0;
  const template = `${virtualServerKey(server.server)} ${packet.source}`;
  const kept = persistent ? templates?.get(template) : undefined;
  const stays = serving.find(({ address, port }) => address === kept?.address && port === kept.port);
  const chosen = stays ?? pick(serving);
  if (chosen === undefined) return [];
  if (persistent) templates?.set(template, chosen);
  return [chosen];
}

/** POSTROUTING with the endpoint as destination; a real server on this very host is not sent anywhere. */
function delivered(input: TraceInput, packet: TracedPacket, real: RealServer): Destination {
  const { address, port } = real;
  if (isNodeAddress(address, worldOf(input))) return { address, port, masquerade: false };
  const onward = { ...packet, destination: address, destinationPort: port, translated: true };
  const left = hooks(input, onward, [
    ['filter', 'OUTPUT'],
    ['nat', 'POSTROUTING'],
  ]);
  if (left.verdict !== 'accept')
    throw new Error(`${address}: a packet on its way to an endpoint was stopped`);
  return { address, port, masquerade: left.packet.masqueraded };
}

function serverOf({ kernel }: TraceInput, packet: TracedPacket): FakeServer | undefined {
  const { destination: address, destinationPort: port } = packet;
  return kernel.servers.get(virtualServerKey({ protocol: protocolOf(packet), address, port }));
}

function hooks(
  input: TraceInput,
  packet: TracedPacket,
  places: readonly (readonly [TableName, string])[],
): Passed {
  const world = worldOf(input);
  let passed: Passed = { verdict: 'accept', packet };
  for (const [table, chain] of places) {
    const rules = {
      chain: (name: string) =>
        input.kernel
          .iptables(input.family)
          .kernel.table(table)
          .get(name)
          ?.map(({ rule }) => rule),
    };
    const [way, ...others] = traverse({ rules, world, chance: 'both' }, chain, passed.packet);
    if (way === undefined || others.length > 0)
      throw new Error(`${table} ${chain}: ${others.length + 1} ways`);
    passed = { packet: way.packet, verdict: way.verdict === 'return' ? 'accept' : way.verdict };
    if (passed.verdict !== 'accept') return passed;
  }
  return passed;
}

function worldOf({ kernel, family }: TraceInput): World {
  return {
    addresses: kernel.addressesOf(family),
    recent: new Map(),
    now: () => 0,
    remember: false,
    sets: (name, directions, packet) => {
      const held = kernel.sets.get(name);
      if (held === undefined) throw new Error(`a rule asks set ${name}, which does not exist`);
      return holds(held, directions, packet);
    },
  };
}

function holds(
  { set, entries }: FakeSet,
  directions: readonly ('src' | 'dst')[],
  packet: TracedPacket,
): boolean {
  const [first = 'dst', second = 'dst', third = 'dst'] = directions;
  const address = (side: 'src' | 'dst'): string => (side === 'src' ? packet.source : packet.destination);
  const port = (side: 'src' | 'dst'): number => (side === 'src' ? packet.sourcePort : packet.destinationPort);
  const main = { address: address(first), protocol: protocolOf(packet), port: port(second) };
  const has = (entry: IpSetEntry): boolean => entries.has(entryText(entry));
  switch (set.type) {
    case 'hash:ip':
      return has({ kind: 'address', address: address(first) });
    case 'hash:ip,port':
      return has({ kind: 'address-port', ...main });
    case 'hash:ip,port,ip':
      return has({ kind: 'address-port-address', ...main, second: address(third) });
    case 'hash:ip,port,net':
      return [...entries.values()].some((entry) => inNetwork(entry, main, address(third)));
    case 'bitmap:port':
      return has({ kind: 'port', port: port(first) });
  }
}

function inNetwork(
  entry: IpSetEntry,
  main: { readonly address: string; readonly protocol: Protocol; readonly port: number },
  source: string,
): boolean {
  if (entry.kind !== 'address-port-network') return false;
  const same = entry.address === main.address && entry.protocol === main.protocol && entry.port === main.port;
  const network = parseCidr(entry.network);
  return same && network !== null && cidrContains(network, source);
}

function protocolOf({ protocol }: TracedPacket): Protocol {
  return protocol.toUpperCase() as Protocol;
}

function addressPort({ address, port }: Destination): string {
  return formatAddressPort(address, port);
}

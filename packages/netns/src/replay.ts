/** Sends the packets of a packets.table with real sockets. */
import type { Destination, Protocol } from '@signalbox/core';
import { isLocalPod, NODE_SOURCES, podsOf, type WorldSpec } from './addresses.ts';
import type { Attempt, Socket } from './agent/protocol.ts';
import type { Host } from './host.ts';
import { formatSocket, mismatches, type ReplayRow } from './check-replay.ts';
import type { World } from './world.ts';

export type Replayed =
  /** `mismatches`: what differs from the row's expectation, in words. Empty: the kernel does what the row expects. */
  | {
      readonly kind: 'replayed';
      readonly attempts: readonly Attempt[];
      readonly mismatches: readonly string[];
    }
  /** It cannot be sent here. */
  | { readonly kind: 'skipped'; readonly reason: string };

export interface ReplayTimeouts {
  /** Time limit, in milliseconds, of an expected answer or rejection: long because of busy machines, not of the network. */
  readonly answer: number;
  /** Milliseconds without an answer after which the packet counts as dropped. */
  readonly silence: number;
}

const PATIENCE: ReplayTimeouts = { answer: 10_000, silence: 400 };
/** With n endpoints chosen at random, the probability that one is not chosen in 12n connections is 1 in 160,000/n. */
const TRIES_PER_DESTINATION = 12;
/** Also for one destination: the probability that another one with half of the connections is not seen is 1 in 65,536. */
const FEWEST_TRIES = 16;
const STICKY_TRIES = 8;

function destinationsOf({ expected }: ReplayRow): readonly Destination[] {
  return expected.kind === 'forward' ? expected.destinations : [];
}

/** The smallest world in which `rows` can be sent and all `endpoints` (addresses) exist. */
export function worldForRows(rows: readonly ReplayRow[], endpoints: Iterable<string> = []): WorldSpec {
  const sources = (entry: ReplayRow['entry']): readonly string[] =>
    rows.filter((row) => row.entry === entry).map((row) => row.packet.source);
  const destinations = rows.flatMap((row) => destinationsOf(row).map(({ address }) => address));
  const all = [...endpoints, ...destinations];
  const pods = new Set([...all.filter(isLocalPod), ...sources('pod')]);
  const elsewhere = [...all, ...sources('outside')].filter(
    (address) => !pods.has(address) && !NODE_SOURCES.has(address),
  );
  return { pods: podsOf(pods), outside: [...new Set(elsewhere)].sort() };
}

/** Starts a listener at each of `sockets`. Call it for every endpoint, chosen or not. */
export async function listenAll(world: World, protocol: Protocol, sockets: readonly Socket[]): Promise<void> {
  await Promise.all(
    sockets.map(({ address, port }) => {
      const host = world.hostOf(address);
      if (host === undefined) throw new Error(`no host of this world has the address ${address}`);
      return host.listen(protocol, { address, port });
    }),
  );
}

function sender(world: World, { entry, packet }: ReplayRow): Host | string {
  const host = world.hostOf(packet.source);
  if (host === undefined) return `no host of this world has the source address ${packet.source}`;
  const enters = host === world.node ? 'node' : host === world.outside ? 'outside' : 'pod';
  if (enters === entry) return host;
  return `source ${packet.source} belongs to ${host.name}, the packet enters from ${entry}`;
}

type Connect = (tries: number, timeout: number) => Promise<readonly Attempt[]>;

async function connectUntilAllSeen(
  row: ReplayRow,
  connect: Connect,
  timeout: number,
): Promise<readonly Attempt[]> {
  const count = destinationsOf(row).length;
  if (row.sticky) {
    const first = await connect(1, timeout); // affinity starts with the first; simultaneous connections would race
    return [...first, ...(await connect(STICKY_TRIES, timeout))];
  }
  const attempts: Attempt[] = [];
  while (attempts.length < count * TRIES_PER_DESTINATION) {
    attempts.push(...(await connect(Math.max(FEWEST_TRIES, 3 * count), timeout)));
    const seen = new Set(
      attempts.map((attempt) => (attempt.kind === 'answered' ? formatSocket(attempt.endpoint) : '')),
    );
    if (seen.size >= count || seen.has('')) break;
  }
  return attempts;
}

function send(row: ReplayRow, connect: Connect, timeouts: ReplayTimeouts): Promise<readonly Attempt[]> {
  switch (row.expected.kind) {
    case 'forward':
      return connectUntilAllSeen(row, connect, timeouts.answer);
    case 'reject':
      return connect(3, timeouts.answer);
    case 'drop':
    case 'pass':
      return connect(2, timeouts.silence);
  }
}

/**
 * Opens the row's connection as often as needed to see every destination, and compares the outcome with the row.
 * The endpoints of the row are made to listen; the caller starts those that it does not name (`listenAll`).
 */
export async function replay(
  world: World,
  row: ReplayRow,
  timeouts: ReplayTimeouts = PATIENCE,
): Promise<Replayed> {
  const { protocol, source, destination, destinationPort } = row.packet;
  if (protocol === 'SCTP') return { kind: 'skipped', reason: 'Node has no SCTP sockets' };
  const host = sender(world, row);
  if (typeof host === 'string') return { kind: 'skipped', reason: host };
  await listenAll(world, protocol, destinationsOf(row));
  const to: Socket = { address: destination, port: destinationPort };
  const connect: Connect = (tries, timeout) => host.connect({ protocol, from: source, to, tries, timeout });
  const attempts = await send(row, connect, timeouts);
  return { kind: 'replayed', attempts, mismatches: mismatches(row, attempts) };
}

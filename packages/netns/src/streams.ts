/** Connections, one after the other, during an action on the node: not one may fail. */
import { setTimeout } from 'node:timers/promises';
import type { Attempt, ConnectRequest } from './agent/protocol.ts';
import { runCommand } from './commands.ts';
import type { Host } from './host.ts';
import { checkStreams, type Stream, type StreamVerdict } from './check-streams.ts';
import type { ReplayRow } from './check-replay.ts';
import type { World } from './world.ts';

export interface Streams {
  /** Connections that the slowest row has made so far. */
  fewest(): number;
}

export interface StreamReport extends StreamVerdict {
  /** Connections that the slowest row made while the action lasted. */
  readonly fewest: number;
}

/** Milliseconds. A long limit hides no loss: a lost packet increments the kernel's counter of retransmitted SYNs. */
const PATIENCE = 10_000;
/** Upper limit of connections per row: bounds the memory for results. */
const MOST = 50_000;
/** Milliseconds between two connections of a row by default: leaves CPU time to the programs that change the rules. */
const PACE = 2;
/** Milliseconds: the control only has to detect that there was no progress for a second. */
const CONTROL_PACE = 20;
const CONTROL = { address: '127.0.0.1', port: 7 } as const;
/** Below the range of ephemeral ports. */
const STREAM_PORTS = { first: 1024, count: 31_744 } as const;
/** Connections that each row made in the runs before: the next run continues with other ports. */
const made = new WeakMap<World, number>();

/**
 * Connects as a row specifies, and ends the connections by RST: in thousands of them a masquerading node reuses source
 * ports, and a server that has the former connection in TIME-WAIT ignores SYNs with older timestamps (PAWS).
 * The caller chooses the source ports: one chosen by the kernel could be one that the caller uses later.
 */
export function connectRow(
  world: World,
  { packet }: ReplayRow,
  how: Pick<ConnectRequest, 'tries'> & { readonly fromPort: number; readonly timeout?: number },
): Promise<readonly Attempt[]> {
  const { protocol, source, destination, destinationPort } = packet;
  const to = { address: destination, port: destinationPort };
  const sent = { timeout: PATIENCE, ending: 'reset', ...how, protocol, from: source, to } as const;
  return sender(world, packet.source).connect(sent);
}

function sender(world: World, address: string): Host {
  const host = world.hostOf(address);
  if (host === undefined) throw new Error(`no host of this world has the source address ${address}`);
  return host;
}

/** Row `row` of `rows` has every `rows`th port, so that two rows of one client never use the same port. */
function streamPort(attempt: number, row: number, rows: number): number {
  const own = Math.floor(STREAM_PORTS.count / rows);
  return STREAM_PORTS.first + (attempt % own) * rows + row;
}

/** SYNs that the clients in a namespace had to send again, since it was made. */
export async function repeatedSyns(host: Host): Promise<number> {
  const text = await runCommand([...host.prefix, 'cat', '/proc/net/netstat']);
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '));
  const count = values[names.indexOf('TCPSynRetrans')];
  if (count === undefined) throw new Error('this kernel does not count repeated SYNs');
  return Number(count);
}

async function synsByHost(hosts: readonly Host[]): Promise<ReadonlyMap<string, number>> {
  return new Map(
    await Promise.all(hosts.map(async (host) => [host.name, await repeatedSyns(host)] as const)),
  );
}

interface Control {
  /** Milliseconds: the longest time without an answer. */
  longestWait(): number;
  /** Ends after the current connection. */
  end(): Promise<void>;
}

/**
 * Connections of a pod to itself, which pass no rule of the node and no veth pair: they are delayed only if the machine
 * is too slow for all processes. The pod sends nothing else.
 */
async function startControl(world: World, clients: readonly Host[]): Promise<Control> {
  const host = [...world.pods.values()].find((pod) => !clients.includes(pod));
  if (host === undefined) throw new Error('this world has no pod that could be the control');
  await host.listen('TCP', CONTROL);
  const state = { over: false, longest: 0 };
  const running = (async () => {
    let last = performance.now();
    while (!state.over) {
      const request = { protocol: 'TCP', from: CONTROL.address, to: CONTROL, tries: 1 } as const;
      await host.connect({ ...request, timeout: PATIENCE, ending: 'reset' });
      const now = performance.now();
      state.longest = Math.max(state.longest, now - last);
      last = now;
      await setTimeout(CONTROL_PACE);
    }
  })();
  return {
    longestWait: () => state.longest,
    end() {
      state.over = true;
      return running;
    },
  };
}

/** Opens the connections of every stream, one after the other, until aborted. */
function startStreams(world: World, streams: readonly Stream[], pace: number): () => Promise<void> {
  const state = { over: false };
  const first = made.get(world) ?? 0;
  const running = streams.map(async ({ row, attempts }, index) => {
    while (!state.over && attempts.length < MOST) {
      const fromPort = streamPort(first + attempts.length, index, streams.length);
      attempts.push(...(await connectRow(world, row, { tries: 1, fromPort })));
      await setTimeout(pace);
    }
  });
  return async () => {
    state.over = true;
    await Promise.all(running);
    made.set(world, first + Math.max(...streams.map(({ attempts }) => attempts.length)));
  };
}

/**
 * Opens TCP connections of each row, one after the other, until `action` settles; every destination of a row
 * has to be seen. Rejects with what the action rejects with. Source ports are used in sequence, so that one is reused
 * after thousands of connections, not by chance within a second: a server that did not get the RST of its client, as
 * with some kernels, would treat the SYN of the next connection as a packet of the former one.
 */
export async function whileConnecting(
  world: World,
  rows: readonly ReplayRow[],
  action: (streams: Streams) => Promise<void>,
  pace = PACE,
): Promise<StreamReport> {
  const hosts = [...new Set(rows.map(({ packet }) => sender(world, packet.source)))];
  const before = await synsByHost(hosts);
  const streams: readonly Stream[] = rows.map((row) => ({ row, attempts: [] }));
  const fewest = (): number => Math.min(...streams.map(({ attempts }) => attempts.length));
  const control = await startControl(world, hosts);
  const endStreams = startStreams(world, streams, pace);
  try {
    await action({ fewest });
  } finally {
    await endStreams();
    await control.end();
  }
  const after = await synsByHost(hosts);
  const repeatedSyns = new Map([...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)]));
  const controlWaited = control.longestWait();
  const verdict = checkStreams({ streams, repeatedSyns, controlWaited, patience: PATIENCE });
  if (fewest() < MOST) return { ...verdict, fewest: fewest() };
  const ended = `a stream ended before the action, after ${MOST} connections`;
  return { problems: [...verdict.problems, ended], tooSlow: false, fewest: fewest() };
}

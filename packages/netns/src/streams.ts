/** Connections, one after the other, while something happens to the node: not one may fail. */
import { setTimeout } from 'node:timers/promises';
import type { Attempt } from './agent/protocol.ts';
import { runCommand } from './commands.ts';
import type { Host } from './host.ts';
import { mismatches, type ReplayRow } from './judge.ts';
import type { World } from './world.ts';

export interface Streams {
  /** Connections that the slowest row has made so far. */
  fewest(): number;
}

export interface StreamReport {
  /** Connections that the slowest row made while the action lasted. */
  readonly fewest: number;
  /** What differs from what the rows expect, in words; empty: nothing. */
  readonly problems: readonly string[];
}

/** Milliseconds. Patience hides nothing: a packet that is lost shows in the kernel's count of repeated SYNs. */
const PATIENCE = 10_000;
/** No row may need more: bounds what is remembered. */
const MOST = 50_000;
/** Milliseconds between two connections of a row: leaves the machine to those who change the rules. */
const PACE = 2;
/** Below what kernels choose from: the source ports of rows that count them. */
const COUNTED_PORTS = { first: 1024, count: 31_744 } as const;

/**
 * Connects as a row says, and ends the connections by RST: in thousands of them a masquerading node gives source
 * ports twice, and a server that has the former connection in TIME-WAIT ignores SYNs with older timestamps (PAWS).
 */
export function connectRow(
  world: World,
  { packet }: ReplayRow,
  how: { readonly tries: number; readonly timeout?: number; readonly fromPort?: number },
): Promise<readonly Attempt[]> {
  const { protocol, source, destination, destinationPort } = packet;
  const to = { address: destination, port: destinationPort };
  return sender(world, packet.source).connect({
    timeout: PATIENCE,
    ending: 'reset',
    ...how,
    protocol,
    from: source,
    to,
  });
}

function sender(world: World, address: string): Host {
  const host = world.hostOf(address);
  if (host === undefined) throw new Error(`nobody in this world has the source address ${address}`);
  return host;
}

/** Row `row` of `rows` has every `rows`th port, so that two of one client never want the same. */
function countedPort(attempt: number, row: number, rows: number): number {
  const own = Math.floor(COUNTED_PORTS.count / rows);
  return COUNTED_PORTS.first + (attempt % own) * rows + row;
}

/** SYNs that the clients in a namespace had to send again, since it was made. */
async function repeatedSyns(host: Host): Promise<number> {
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

/**
 * Opens TCP connections of each row, one after the other, until `action` settles; every destination of a row
 * has to be seen. Rejects with what the action rejects with. Ports that are `counted` come round again after
 * thousands of connections, not by chance within a second: a server whose client went without a word, as some
 * kernels' resets do, would answer the SYN of the next one as a stray packet of the former.
 */
export async function whileConnecting(
  world: World,
  rows: readonly ReplayRow[],
  action: (streams: Streams) => Promise<void>,
  { ports }: { readonly ports: 'chosen-by-kernel' | 'counted' } = { ports: 'chosen-by-kernel' },
): Promise<StreamReport> {
  const hosts = [...new Set(rows.map(({ packet }) => sender(world, packet.source)))];
  const before = await synsByHost(hosts);
  const state = { over: false };
  const streams = rows.map((row) => ({ row, attempts: [] as Attempt[] }));
  const fewest = (): number => Math.min(...streams.map(({ attempts }) => attempts.length));
  const running = streams.map(async ({ row, attempts }, index) => {
    while (!state.over && attempts.length < MOST) {
      const fromPort = countedPort(attempts.length, index, rows.length);
      const how = ports === 'counted' ? { tries: 1, fromPort } : { tries: 1 };
      attempts.push(...(await connectRow(world, row, how)));
      await setTimeout(PACE);
    }
  });
  try {
    await action({ fewest });
  } finally {
    state.over = true;
    await Promise.all(running);
  }
  const problems = streams.flatMap(({ row, attempts }) =>
    mismatches(row, attempts).map((text) => `${row.packet.source} to ${row.packet.destination}: ${text}`),
  );
  const stopped = streams.filter(({ attempts }) => attempts.length >= MOST).length;
  if (stopped > 0) problems.push(`${stopped} streams ended before the action, after ${MOST} connections`);
  for (const [name, count] of await synsByHost(hosts)) {
    const lost = count - (before.get(name) ?? 0);
    if (lost > 0) problems.push(`${name} had to send ${lost} SYNs again`);
  }
  return { fewest: fewest(), problems };
}

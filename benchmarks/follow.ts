/** Time from a change of an endpoint to the first connection that the new one gets, in the network namespace of the process. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { sliceJSON } from './core/cluster.ts';

const HOST = '10.255.255.1';
/** Milliseconds between two changes, as the nodes of a cluster seldom see two within a few milliseconds. */
const REST = 30;

/** An address for each round: connection tracking sends a port that comes back too soon where it went the last time. */
function clientOf(round: number): string {
  return `10.255.254.${round + 1}`;
}

export function prepareNetwork(): void {
  const ip = (...args: readonly string[]): unknown => execFileSync('ip', args);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'bench0', 'type', 'veth', 'peer', 'name', 'bench1');
  ip('link', 'set', 'bench0', 'up');
  ip('link', 'set', 'bench1', 'up');
  ip('addr', 'add', `${HOST}/24`, 'dev', 'bench0');
  // Local to the node, but assigned to no interface: the program reads the addresses of interfaces, once a second at most.
  ip('route', 'add', 'local', '10.255.254.0/24', 'dev', 'lo');
  ip('route', 'add', '172.0.0.0/8', 'dev', 'bench0');
}

async function serve(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).resetAndDestroy());
  await once(server.listen(0, HOST), 'listening');
  return server;
}

/** A slice of service `index` whose only endpoint is this server, as JSON. */
function sliceAt(index: number, server: Server): string {
  const { port } = server.address() as AddressInfo;
  const endpoints = [{ addresses: [HOST], conditions: { ready: true }, nodeName: 'node-1' }];
  const slice = JSON.parse(sliceJSON(index, 1)) as object;
  return JSON.stringify({ ...slice, ports: [{ name: 'http', port, protocol: 'TCP' }], endpoints });
}

interface Followed {
  /** Index and cluster IP of the service. */
  readonly index: number;
  readonly address: string;
  readonly changes: number;
  /** The first of `changes` + 1 client addresses, of which there are 254. */
  readonly firstClient?: number;
  /** Makes this text the only slice of the service. */
  readonly write: (slice: string) => Promise<void>;
}

/**
 * The service goes from one server to the other, while a client connects repeatedly: milliseconds of each round. The first
 * round does not count: the endpoints before it do not exist, and the client waits a second until TCP repeats its SYN.
 */
export async function timeFollows({
  index,
  address,
  changes,
  firstClient = 0,
  write,
}: Followed): Promise<readonly number[]> {
  const servers = [await serve(), await serve()] as const;
  const times: number[] = [];
  for (let round = 0; round <= changes; round++) {
    const server = servers[round % 2 === 0 ? 0 : 1];
    const slice = sliceAt(index, server);
    const client = { host: address, localAddress: clientOf(firstClient + round) };
    const time = await timeToReach(server, client, () => write(slice));
    if (round > 0) times.push(time);
    await wait(REST);
  }
  for (const server of servers) server.close();
  return times;
}

interface Client {
  readonly host: string;
  readonly localAddress: string;
}

async function timeToReach(server: Server, client: Client, write: () => Promise<void>): Promise<number> {
  const state = { over: false };
  const reached = once(server, 'connection').then(() => {
    state.over = true;
    return performance.now();
  });
  const start = performance.now();
  const written = write();
  while (!state.over) {
    const socket = connect({ port: 80, ...client });
    await Promise.race([once(socket, 'connect'), reached]).catch(() => undefined);
    socket.destroy();
  }
  const end = await reached;
  await written;
  return end - start;
}

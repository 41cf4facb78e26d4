/** A cluster at an API server and a network for its endpoints, in the namespace this is started in, and how soon a change is followed. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { WireObject } from '@signalbox/kubernetes';
import {
  createTestApiServer,
  createTestCertificates,
  type TestApiServer,
} from '@signalbox/kubernetes/testing';
import { sliceJSON } from '../core/cluster.ts';
import { NODE, service } from '../memory/objects.ts';
import type { Server as ApiServer } from '../memory/program.ts';

export interface Size {
  readonly services: number;
  readonly endpoints: number;
}

export interface Cluster {
  readonly api: TestApiServer;
  readonly target: ApiServer;
  stop(): Promise<void>;
}

/** Each write is synced by itself, as without a limit on the number of syncs. */
export const CONFIG = {
  mode: 'nftables',
  clusterCIDR: '10.0.0.0/8',
  nftables: { minSyncPeriod: '1ms' },
};

const IPV4 = ['IPv4'] as const;
const HOST = '10.255.255.1';
/** Between two changes, as the nodes of a cluster seldom see two within a few milliseconds. */
const REST = 30;

/** An address for each round: connection tracking sends a port that comes back too soon where it went the last time. */
function clientOf(round: number): string {
  return `10.255.254.${round + 1}`;
}

function prepareNetwork(): void {
  const ip = (...args: readonly string[]): unknown => execFileSync('ip', args);
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'bench0', 'type', 'veth', 'peer', 'name', 'bench1');
  ip('link', 'set', 'bench0', 'up');
  ip('link', 'set', 'bench1', 'up');
  ip('addr', 'add', `${HOST}/24`, 'dev', 'bench0');
  // All of them are this node's, and none is on an interface, whose addresses the program reads at each sync.
  ip('route', 'add', 'local', '10.255.254.0/24', 'dev', 'lo');
  ip('route', 'add', '172.0.0.0/8', 'dev', 'bench0');
}

export function slice(json: string): WireObject {
  return { ...(JSON.parse(json) as WireObject), kind: 'EndpointSlice' };
}

/** A slice of service `index` whose only endpoint is this server. */
function sliceAt(index: number, server: Server): WireObject {
  const { port } = server.address() as AddressInfo;
  const ports = [{ name: 'http', port, protocol: 'TCP' }];
  const endpoints = [{ addresses: [HOST], conditions: { ready: true }, nodeName: 'node-1' }];
  return { ...slice(sliceJSON(index, 1)), ports, endpoints } as WireObject;
}

async function serve(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).resetAndDestroy());
  await once(server.listen(0, HOST), 'listening');
  return server;
}

/** Milliseconds from the write of `text` to the first connection that reaches `server`, while a client connects and connects. */
async function timeToReach(server: Server, client: Client, write: () => void): Promise<number> {
  const state = { over: false };
  const reached = once(server, 'connection').then(() => {
    state.over = true;
    return performance.now();
  });
  const start = performance.now();
  write();
  while (!state.over) {
    const socket = connect({ port: 80, ...client });
    await Promise.race([once(socket, 'connect'), reached]).catch(() => undefined);
    socket.destroy();
  }
  return (await reached) - start;
}

interface Client {
  readonly host: string;
  readonly localAddress: string;
}

/**
 * Milliseconds, ascending. The last service goes from one server to the other, and each of the `changes` + 1 rounds has a client
 * address of its own, from number `firstClient` (of 254) on. The first round does not count: the endpoints before it exist nowhere, and
 * the client waits a second until TCP repeats its SYN.
 */
export async function timeFollows(
  api: TestApiServer,
  services: number,
  changes: number,
  firstClient = 0,
): Promise<readonly number[]> {
  const { spec } = service(services - 1, IPV4) as unknown as {
    readonly spec: { readonly clusterIP: string };
  };
  const servers = [await serve(), await serve()] as const;
  const times: number[] = [];
  for (let round = 0; round <= changes; round++) {
    const server = servers[round % 2 === 0 ? 0 : 1];
    const object = sliceAt(services - 1, server);
    const client = { host: spec.clusterIP, localAddress: clientOf(firstClient + round) };
    const time = await timeToReach(server, client, () => api.put(object));
    if (round > 0) times.push(time);
    await wait(REST);
  }
  for (const server of servers) server.close();
  return times.sort((a, b) => a - b);
}

/** Once, so that the server has encoded every object before the program asks: what is measured is the program. */
async function readAll({ url, ca }: ApiServer): Promise<void> {
  for (const path of ['/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices']) {
    const headers = { accept: 'application/vnd.kubernetes.protobuf' };
    const options = { headers, ...(ca === null ? {} : { ca }) };
    const [response] = (await once(
      ca === null ? httpGet(url + path, options) : httpsGet(url + path, options),
      'response',
    )) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
  }
}

/** An API server over TLS that holds `services` Services of `endpoints` endpoints each. */
export async function startCluster(size: Size): Promise<Cluster> {
  prepareNetwork();
  const certificates = await createTestCertificates();
  const api = await createTestApiServer({
    streaming: 'uncompressed',
    ...(certificates === null ? {} : { tls: certificates.server }),
  });
  api.put(NODE);
  for (let index = 0; index < size.services; index++) {
    api.put(service(index, IPV4));
    api.put(slice(sliceJSON(index, size.endpoints)));
  }
  const target = { url: api.url, ca: certificates?.ca ?? null };
  await readAll(target);
  return {
    api,
    target,
    async stop() {
      await api.stop();
      await certificates?.remove();
    },
  };
}

/** Times of TCP connects through the rules of a mode, in the namespace it is started in: `connect.ts SERVICES [BACKEND]`. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { argv, stdout } from 'node:process';
import { createExecDriver, createIptablesBackend } from '@signalbox/backend-iptables';
import { encodeRestore, listTables } from '@signalbox/iptables';
import { sampleEndpoints, sampleService, sampleState } from '@signalbox/backend-iptables/testing';
import { createNftablesBackend } from '@signalbox/backend-nftables';
import { type DesiredState, fullChange } from '@signalbox/core';
import { median } from '../statistics.ts';

/** Microseconds, medians. */
export interface ConnectTimes {
  readonly direct: number;
  /** The same, past the rules: the cost of connection tracking and of the rules for a client that uses no service. */
  readonly past: number;
  readonly tree: number;
  /** Of the iptables variants alone. */
  readonly flat: number | null;
}

const HOST = '10.244.255.1';

function ip(...args: readonly string[]): void {
  execFileSync('ip', args);
}

function prepareNetwork(): void {
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'bench0', 'type', 'veth', 'peer', 'name', 'bench1');
  ip('link', 'set', 'bench0', 'up');
  ip('link', 'set', 'bench1', 'up');
  ip('addr', 'add', `${HOST}/24`, 'dev', 'bench0');
  ip('route', 'add', '10.96.0.0/12', 'dev', 'bench0');
}

interface Target {
  readonly host: string;
  readonly port: number;
}

/** Medians, a target each. They take turns, so that what disturbs the machine disturbs them alike. */
async function timeConnects<T extends readonly Target[]>(
  count: number,
  ...targets: T
): Promise<{ readonly [K in keyof T]: number }> {
  const times = targets.map((): number[] => []);
  for (let at = 0; at < count; at++) {
    for (const [index, { host, port }] of targets.entries()) {
      const start = performance.now();
      const socket = connect(port, host);
      await once(socket, 'connect');
      times[index]?.push((performance.now() - start) * 1000);
      socket.resetAndDestroy();
    }
  }
  return times.map(median) as {
    readonly [K in keyof T]: number;
  };
}

/** All services one below the other in KUBE-SERVICES, as kube-proxy has them. */
async function flatten(driver: ReturnType<typeof createExecDriver>): Promise<void> {
  const saved = await listTables(driver);
  if (!saved.ok) throw new Error(saved.error.message);
  const { chains } = saved.value.nat;
  const rules = [...chains]
    .filter(([name]) => name === 'KUBE-SERVICES' || name.startsWith('KUBE-SVC-VIP-'))
    .flatMap(([, list]) => list)
    .filter((rule) => / -j KUBE-SVC-[A-Z2-7]{16}$/.test(rule));
  const operations = [{ kind: 'write', chain: 'KUBE-SERVICES', rules } as const];
  const done = await driver.restore(encodeRestore([{ table: 'nat', operations }]));
  if (!done.ok) throw new Error(done.error.message);
}

/** Writes the rules; answers how to put all services into one chain. */
async function program(name: string, state: DesiredState): Promise<(() => Promise<void>) | null> {
  const driver = createExecDriver({ family: 'IPv4', variant: 'legacy' });
  const isIptables = name === 'legacy';
  const backend = isIptables
    ? createIptablesBackend({ family: 'IPv4', driver })
    : createNftablesBackend({ family: 'IPv4' });
  const result = await backend.sync(fullChange(state));
  if (result.outcome !== 'ok') throw new Error(JSON.stringify(result));
  return isIptables ? () => flatten(driver) : null;
}

async function measure(services: number, backend: string): Promise<ConnectTimes> {
  prepareNetwork();
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const endpoint = { address: HOST, port, isLocal: true };
  const all = Array.from({ length: services }, (_, index) =>
    sampleService({ index, endpoints: index === services - 1 ? [endpoint] : sampleEndpoints(index, 1) }),
  );
  const count = services < 1000 ? 300 : 3000;
  const endpointItself = { host: HOST, port };
  await timeConnects(count, endpointItself);
  const [direct] = await timeConnects(count, endpointItself);
  const flattenAll = await program(backend, sampleState(all));
  const last = all.at(-1)?.frontends[0];
  const service = { host: last?.kind === 'cluster-ip' ? last.address : '', port: 80 };
  const [past, tree] = await timeConnects(count, endpointItself, service);
  await flattenAll?.();
  const [flat] = flattenAll === null ? [null] : await timeConnects(count, service);
  server.close();
  return { direct, past, tree, flat };
}

stdout.write(JSON.stringify(await measure(Number(argv[2] ?? 200), argv[3] ?? 'legacy')));

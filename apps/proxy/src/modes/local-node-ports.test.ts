/** Real sockets at 127.0.0.1; time stands still, so that only the test brings a retry. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { sampleNode, sampleStateOf, servicePort } from '@signalbox/backend-kit/testing';
import type { DesiredEndpoint, DesiredServicePort, Route } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { createProxyMetrics } from '../metrics/proxy-metrics.ts';
import { createRegistry } from '../metrics/registry.ts';
import { freePort } from '../testing/free-port.ts';
import { settingsOf } from '../testing/settings.ts';
import { NFTABLES } from './nftables.ts';
import type { LocalNodePorts } from './proxy-mode.ts';

const ADDRESSES = 'primary,localhost';
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

/** Answers each connection with its name. */
async function endpoint(name: string, isLocal = true): Promise<DesiredEndpoint> {
  const server = createServer((socket) => socket.on('error', () => undefined).end(name));
  open.push(await listening(server, 0));
  return { address: '127.0.0.1', port: (server.address() as AddressInfo).port, isLocal };
}

async function listening(server: Server, port: number): Promise<Server> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** The name of the endpoint that answered; `refused`. */
async function ask(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  const chunks: string[] = [];
  try {
    for await (const chunk of socket) chunks.push(String(chunk));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'refused' : 'reset';
  }
  return chunks.join('');
}

interface Shape {
  readonly protocol?: 'TCP' | 'UDP';
  readonly policy?: 'cluster' | 'local';
  readonly affinitySeconds?: number;
}

function nodePort(
  port: number,
  endpoints: readonly DesiredEndpoint[],
  shape: Shape = {},
): DesiredServicePort {
  const { protocol = 'TCP', policy = 'cluster', affinitySeconds } = shape;
  const hasLocal = endpoints.some(({ isLocal }) => isLocal);
  const outside = policy === 'local' && !hasLocal ? 'drop' : policy;
  const routes: readonly Route[] = [
    // Clients of the node reach all endpoints in other modes.
    { source: 'node', target: 'cluster', masquerade: true, rule: 'S22' },
    { source: 'any', target: outside, masquerade: policy === 'cluster', rule: 'S22' },
  ];
  const frontend = { kind: 'node-port', port, policy, routes } as const;
  const name = { namespace: 'shop', name: `web-${port}`, port: 'http', protocol } as const;
  return servicePort(name, [frontend], endpoints, affinitySeconds);
}

function start(...flags: readonly string[]) {
  const held = { config: configOf(`--nodeport-addresses=${ADDRESSES}`, ...flags) };
  const clock = createManualClock();
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  const registry = createRegistry();
  const metrics = createProxyMetrics(registry, () => NFTABLES);
  const parts = { config: () => held.config, clock, logger, metrics };
  const ports = NFTABLES.localNodePorts?.open('IPv4', parts) as LocalNodePorts;
  open.push(ports);
  const sync = (...all: readonly DesiredServicePort[]): Promise<void> =>
    ports.sync(sampleStateOf('IPv4', all, sampleNode('IPv4')));
  const metric = async (name: string): Promise<string> => {
    const text = await registry.text();
    const line = text
      .split('\n')
      .find((each) => each.startsWith(`kubeproxy_nftables_localhost_nodeport_${name}{`));
    return line?.split(' ').at(-1) ?? 'absent';
  };
  const configure = (addresses: string): void => {
    held.config = configOf(`--nodeport-addresses=${addresses}`, ...flags);
  };
  return { ports, sync, metric, configure, clock, lines };
}

const configOf = (...flags: readonly string[]) => settingsOf(['--proxy-mode=nftables', ...flags]).config;

describe('node ports at loopback addresses in nftables mode', () => {
  it('S40: follow the Services: a new one, its endpoints, none, and its removal', async () => {
    const { sync, metric } = start();
    const port = await freePort();
    const [one, two] = [await endpoint('one'), await endpoint('two')];
    await sync(nodePort(port, [one]));
    expect([await ask(port), await metric('listeners')]).toEqual(['one', '1']);
    await sync(nodePort(port, [two]));
    expect(await ask(port)).toBe('two');
    await sync(nodePort(port, []));
    expect([await ask(port), await metric('listeners')]).toEqual(['refused', '0']);
    await sync(nodePort(port, [one]));
    expect(await ask(port)).toBe('one');
    await sync();
    expect(await ask(port)).toBe('refused');
  });

  it('S40: with policy Local, only endpoints of this node answer; without one, connections are refused', async () => {
    const { sync } = start();
    const port = await freePort();
    const [local, remote] = [await endpoint('local'), await endpoint('remote', false)];
    await sync(nodePort(port, [remote, local], { policy: 'local' }));
    const answers = [await ask(port), await ask(port), await ask(port)];
    expect(answers).toEqual(['local', 'local', 'local']);
    await sync(nodePort(port, [remote], { policy: 'local' }));
    expect(await ask(port)).toBe('refused');
  });

  it('S40: session affinity keeps the endpoint of the client until its time-out', async () => {
    const { sync, clock } = start();
    const port = await freePort();
    const endpoints = [await endpoint('one'), await endpoint('two')];
    await sync(nodePort(port, endpoints, { affinitySeconds: 60 }));
    const first = await ask(port);
    expect(await Promise.all(Array.from({ length: 6 }, () => ask(port)))).toEqual(Array(6).fill(first));
    clock.advance(60_000);
    expect(await ask(port)).not.toBe(first);
  });

  it('S40: a port of another process is reported once, counted, and served when it is free', async () => {
    const { sync, metric, clock, lines } = start();
    const [taken, free] = [await freePort(), await freePort()];
    const other = await listening(
      createServer((socket) => socket.end('another process')),
      taken,
    );
    const one = await endpoint('one');
    const all = [nodePort(taken, [one]), nodePort(free, [one])];
    await sync(...all);
    await sync(...all);
    expect([await ask(taken), await ask(free), await metric('listeners')]).toEqual([
      'another process',
      'one',
      '1',
    ]);
    expect(await metric('listener_creation_failures_total')).toBe('2');
    expect(lines.filter((line) => line.includes('Failed to serve node port'))).toEqual([
      expect.stringContaining(`TCP 127.0.0.1:${taken}: another process has this port open`),
    ]);
    other.close();
    await once(other, 'close');
    clock.advance(10_000);
    // Steps run one after the other: this one ends after the retry.
    await sync(...all);
    expect([await ask(taken), await metric('listeners')]).toEqual(['one', '2']);
    // The timer for stalled clients ends with the last connection, which closes a moment after its answer.
    await vi.waitFor(() => expect(clock.pending).toEqual([]));
  });

  it('S40 S41: a change of nodePortAddresses applies in the running process', async () => {
    const { sync, configure, metric } = start();
    const port = await freePort();
    const web = nodePort(port, [await endpoint('one')]);
    const steps = [
      ['primary', 'refused', '0'],
      ['127.0.0.0/8', 'one', '1'],
      ['::1/128', 'refused', '0'],
    ] as const;
    await sync(web);
    for (const [addresses, answer, listeners] of steps) {
      configure(addresses);
      await sync(web);
      expect([addresses, await ask(port), await metric('listeners')]).toEqual([addresses, answer, listeners]);
    }
  });

  it('S40: are not served with addresses of every family, for UDP, and without the feature gate', async () => {
    const port = await freePort();
    const one = await endpoint('one');
    const gate = '--feature-gates=KubeProxyNFTablesLocalhostNodePorts=false';
    const cases = [
      { addresses: 'all', flags: [], shape: {} },
      { addresses: 'primary,0.0.0.0/0', flags: [], shape: {} },
      { addresses: ADDRESSES, flags: [gate], shape: {} },
      { addresses: ADDRESSES, flags: [], shape: { protocol: 'UDP' } },
    ] as const;
    for (const { addresses, flags, shape } of cases) {
      const { sync, ports, configure } = start(...flags);
      configure(addresses);
      await sync(nodePort(port, [one], shape));
      expect([addresses, flags, await ask(port)]).toEqual([addresses, flags, 'refused']);
      await ports.close();
    }
    const { sync } = start();
    await sync(nodePort(port, [one]));
    expect(await ask(port)).toBe('one');
  });

  it('S40: end with the mode, and connections through them', async () => {
    const { sync, ports, clock, metric } = start();
    const port = await freePort();
    const server = createServer((socket) => socket.on('error', () => undefined).write('hello'));
    open.push(await listening(server, 0));
    const { port: own } = server.address() as AddressInfo;
    await sync(nodePort(port, [{ address: '127.0.0.1', port: own, isLocal: true }]));
    const client = connect({ host: '127.0.0.1', port });
    const failure = once(client, 'error');
    await once(client, 'data');
    const closed = ports.close();
    await clock.waitForTimer(({ delayMs }) => delayMs === 0);
    clock.advance(0);
    await Promise.all([closed, failure]);
    expect([await ask(port), await metric('listeners')]).toEqual(['refused', '0']);
  });
});

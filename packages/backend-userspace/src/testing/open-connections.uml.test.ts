/** In a kernel where root may raise the limit of open files, which a container often may not. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { env } from 'node:process';
import { createRemote, type Remote } from '@signalbox/netns/remote';
import { afterEach, beforeAll, expect, it } from 'vitest';
import type { RemoteClients, RemoteProxy } from './remote-connections.ts';

/** 20,000 take three minutes on this kernel: `OPEN_CONNECTIONS=20000`. */
const CONNECTIONS = Number(env['OPEN_CONNECTIONS'] ?? 2000);
const PORT = 8080;
const held: { close: () => void }[] = [];

function remote<T>(name: string): Remote<T> {
  const script = path.join(import.meta.dirname, name);
  const made = createRemote<T>({
    prefix: ['sh', '-c', 'ulimit -n 65536 && exec "$@"', 'sh'],
    script,
    args: [],
  });
  held.push(made);
  return made;
}

beforeAll(() => void execFileSync('ip', ['link', 'set', 'lo', 'up']));
afterEach(() => held.splice(0).forEach((each) => each.close()));

it(`${CONNECTIONS} connections are open at a time and each carries data, and none is left when they close`, async () => {
  const proxy = remote<RemoteProxy>('connections-proxy-child.ts');
  const clients = remote<RemoteClients>('connections-clients-child.ts');
  expect(await proxy.method('capacity')()).toBeGreaterThan(CONNECTIONS);
  expect(await proxy.method('serve')(PORT, await clients.method('listen')())).toBe('ok');
  expect(await clients.method('open')(PORT, CONNECTIONS)).toBe(CONNECTIONS);
  expect(await clients.method('use')()).toBe(CONNECTIONS);
  expect(await proxy.method('counts')()).toMatchObject({
    open: CONNECTIONS,
    forwarded: CONNECTIONS,
    overflow: 0,
    unserved: 0,
  });
  await clients.method('closeAll')();
  await expect.poll(async () => (await proxy.method('counts')()).open, { timeout: 120_000 }).toBe(0);
});

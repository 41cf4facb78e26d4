import { createServer, type Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { DesiredHealthCheck, ObjectKey } from '@signalbox/core';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { createConnectionBudget } from './connection-budget.ts';
import { createServiceHealth, type ServiceHealth } from './service-health.ts';
import { freePort } from '../testing/free-port.ts';

const SILENT = createLogging(
  { format: 'text', verbosity: 0, vmodule: [] },
  { write: () => undefined, now: () => 0, pid: 1 },
).logger;

/** Without it there is no second family to share with. */
const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

function check(port: number, localEndpoints: number): ReadonlyMap<ObjectKey, DesiredHealthCheck> {
  const key = 'default/web' as ObjectKey;
  return new Map([[key, { key, namespace: 'default', name: 'web', port, localEndpoints }]]);
}

interface World {
  readonly health: ServiceHealth;
  readonly errors: string[];
  readonly proxy: { healthy: boolean; addresses: string[] };
}

function world(): World {
  const errors: string[] = [];
  const proxy = { healthy: true, addresses: ['127.0.0.1'] };
  const health = createServiceHealth({
    family: 'IPv4',
    logger: SILENT,
    bounds: { budget: createConnectionBudget(20) },
    proxyHealthy: () => proxy.healthy,
    addresses: () => proxy.addresses,
    onBindError: ({ name }, error) => errors.push(`${name}: ${error.message}`),
  });
  opened.push(health);
  return { health, errors, proxy };
}

function occupy(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

describe('healthCheckNodePort servers', () => {
  it('F142 F143 F144 F145: body, headers and status are exact', async () => {
    const { health } = world();
    const port = await freePort();
    await health.sync(check(port, 2));
    const answer = await fetch(`http://127.0.0.1:${port}/any/path`, { method: 'POST' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-load-balancing-endpoint-weight')).toBe('2');
    expect(await answer.text()).toBe(
      '{\n\t"service": {\n\t\t"namespace": "default",\n\t\t"name": "web"\n\t},\n\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}',
    );
  });

  it('F143: 503 without endpoints, and 503 when the proxy is unhealthy', async () => {
    const { health, proxy } = world();
    const port = await freePort();
    await health.sync(check(port, 0));
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(503);
    await health.sync(check(port, 1));
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    proxy.healthy = false;
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ localEndpoints: 1, serviceProxyHealthy: false });
  });

  it('F140: the port closes with its service, and a changed port is opened anew', async () => {
    const { health } = world();
    const [first, second] = [await freePort(), await freePort()];
    await health.sync(check(first, 1));
    await health.sync(check(second, 1));
    await expect(fetch(`http://127.0.0.1:${first}/`)).rejects.toThrow();
    expect((await fetch(`http://127.0.0.1:${second}/`)).status).toBe(200);
    await health.sync(new Map());
    await expect(fetch(`http://127.0.0.1:${second}/`)).rejects.toThrow();
  });

  it('F141: one address that fails closes the others of the service; the next sync tries again', async () => {
    const { health, errors, proxy } = world();
    const port = await freePort();
    proxy.addresses = ['127.0.0.2', '127.0.0.1'];
    const rival = await occupy(port);
    await health.sync(check(port, 1));
    expect(errors).toEqual([expect.stringContaining('EADDRINUSE')]);
    await expect(fetch(`http://127.0.0.2:${port}/`)).rejects.toThrow();
    await new Promise((resolve) => rival.close(resolve));
    await health.sync(check(port, 1));
    expect((await fetch(`http://127.0.0.2:${port}/`)).status).toBe(200);
  });

  it('F140: no port stays open that was being opened at the close, or is asked for after it', async () => {
    const { health, errors, proxy } = world();
    const port = await freePort();
    proxy.addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
    const opening = health.sync(check(port, 1));
    await health.close();
    await opening;
    await health.sync(check(port, 1));
    expect(errors).toEqual([]);
    for (const address of proxy.addresses)
      await expect(fetch(`http://${address}:${port}/`)).rejects.toThrow();
  });

  it('F140: the ports of a later sync are those that are open, though an earlier one still opens others', async () => {
    const { health } = world();
    const [first, second] = [await freePort(), await freePort()];
    await Promise.all([health.sync(check(first, 1)), health.sync(check(second, 1))]);
    await expect(fetch(`http://127.0.0.1:${first}/`)).rejects.toThrow();
    expect((await fetch(`http://127.0.0.1:${second}/`)).status).toBe(200);
  });

  it.skipIf(!hasIPv6)('F141: the servers of both families share a port', async () => {
    const { health, errors, proxy } = world();
    const other = world();
    const port = await freePort();
    proxy.addresses = ['0.0.0.0'];
    other.proxy.addresses = ['::'];
    await other.health.sync(check(port, 7));
    await health.sync(check(port, 3));
    expect([...errors, ...other.errors]).toEqual([]);
    const weight = async (host: string): Promise<string | null> =>
      (await fetch(`http://${host}:${port}/`)).headers.get('x-load-balancing-endpoint-weight');
    expect([await weight('127.0.0.1'), await weight('[::1]')]).toEqual(['3', '7']);
  });

  it('F141: addresses of the node are looked at again with each sync', async () => {
    const { health, proxy } = world();
    const port = await freePort();
    await health.sync(check(port, 1));
    proxy.addresses = ['127.0.0.3'];
    await health.sync(check(port, 1));
    expect((await fetch(`http://127.0.0.3:${port}/`)).status).toBe(200);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });
});

/** Node ports at loopback addresses, which sockets of the proxy serve in nftables mode. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { describeText } from '../commands/describe-text.ts';
import { freePort } from '../testing/free-port.ts';
import { NODE, SERVICE, SLICE, start, stopAll, synced, upsert, type World } from '../testing/proxy-world.ts';
import { textOf } from '../testing/page-text.ts';
import { parse } from 'parse5';
import type { ServiceAnswer, StatusAnswer } from './answers.ts';

afterEach(stopAll);

async function serving(nodePort: number): Promise<World> {
  const world = await start(['--proxy-mode=nftables', '--nodeport-addresses=localhost']);
  upsert(world, 'Node', NODE);
  const { ports, ...spec } = SERVICE.spec;
  upsert(world, 'Service', {
    ...SERVICE,
    spec: { ...spec, type: 'NodePort', ports: ports.map((port) => ({ ...port, nodePort })) },
  });
  upsert(world, 'EndpointSlice', SLICE);
  synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
  await world.settle(1000);
  return world;
}

async function read<T>(world: World, path: string): Promise<T> {
  return (await world.get('metrics', path)).json() as Promise<T>;
}

describe('node ports at loopback addresses', () => {
  it('S40: are in the description, on the page and in the status', async () => {
    const world = await serving(await freePort());
    const service = await read<ServiceAnswer>(world, '/debug/services/default/web');
    expect(service.description.node.nodePortAddresses).toEqual(['127.0.0.1', '::1']);
    expect(describeText(service)).toMatch(/^Node ports at: +127\.0\.0\.1$/m);
    const page = await world.get('metrics', '/page/default/web');
    expect(textOf(parse(await page.text())).replaceAll(/\s+/g, ' ')).toContain('Node ports at 127.0.0.1');
    const { families } = await read<StatusAnswer>(world, '/debug/status');
    expect(families.map(({ nodePortAddresses }) => nodePortAddresses)).toContainEqual(['127.0.0.1']);
  });

  it('S40: that another process has open are an error of the Service and of the node', async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    const world = await serving(port);
    await expect
      .poll(() => read<StatusAnswer>(world, '/debug/status'), { timeout: 60_000 })
      .toMatchObject({ state: 'degraded' });
    const service = await read<ServiceAnswer>(world, '/debug/services/default/web');
    other.close();
    expect(service.served).toBe(false);
    expect(service.failures).toEqual([
      expect.objectContaining({ key: 'default/web:http/TCP', code: 'busy' }),
    ]);
    expect(describeText(service)).toContain(`127.0.0.1:${port}: another process has this port open`);
  });
});

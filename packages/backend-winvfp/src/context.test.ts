import { expect, it } from 'vitest';
import { fullOf, NETWORK_ID, service, testHost } from './testing/fixtures.ts';
import { incremental } from './testing/random-host.ts';

const NOTHING = incremental([], [], []);

it("WIN2: an overlay waits for the node's address and its MAC address, and follows them", async () => {
  let nodeIP = '';
  const macs = new Map<string, string>();
  const host = testHost(
    {},
    {
      nodeIP: () => nodeIP,
      hostMac: (address) => macs.get(address) ?? null,
      sourceVip: '10.244.1.100',
    },
  );
  host.hns.addNetwork(
    { Name: 'cbr0', Type: 'Overlay', Ipams: [{ Subnets: [{ IpAddressPrefix: '10.244.1.0/24' }] }] },
    NETWORK_ID,
  );
  const vip = (): unknown =>
    host.hns.snapshot().endpoints.find((entry) => entry.IpConfigurations?.[0]?.IpAddress === '10.96.0.10');
  expect(await host.backend.sync(fullOf(service()))).toMatchObject({ error: { code: 'not-found' } });
  nodeIP = '192.0.2.10';
  expect((await host.backend.sync(NOTHING)).error?.message).toContain('MAC address');
  macs.set(nodeIP, '02-fc-00-00-00-01');
  expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
  expect(JSON.stringify(vip())).toContain('192.0.2.10');
  nodeIP = '192.0.2.11';
  macs.set(nodeIP, '02-fc-00-00-00-02');
  expect(await host.backend.sync(NOTHING)).toMatchObject({ outcome: 'ok' });
  expect(vip()).toMatchObject({ MacAddress: '02-fc-00-00-00-02' });
  expect(JSON.stringify(vip())).toContain('192.0.2.11');
  expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
});

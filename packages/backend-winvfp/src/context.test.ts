import { expect, it } from 'vitest';
import { clusterIP, endpoint, fullOf, NETWORK_ID, service, testHost, writes } from './testing/fixtures.ts';
import { incremental } from './testing/random-host.ts';

const OVERLAY = {
  Name: 'cbr0',
  Type: 'Overlay',
  Ipams: [{ Subnets: [{ IpAddressPrefix: '10.244.1.0/24' }] }],
};
const NOTHING = incremental([], [], []);

it("an overlay waits for the node's address and its MAC address, and follows them", async () => {
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
  host.hns.addNetwork(OVERLAY, NETWORK_ID);
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

it('F97: the second family on an overlay network is reported, and nothing else fails', async () => {
  const host = testHost({}, { family: 'IPv6', primary: 'IPv4', nodeIP: '' });
  const of6 = (change: ReturnType<typeof fullOf>): ReturnType<typeof fullOf> => ({
    ...change,
    family: 'IPv6',
  });
  host.hns.removeNetwork(NETWORK_ID);
  expect(await host.backend.sync(of6(fullOf()))).toMatchObject({ error: { code: 'not-found' } });
  host.hns.addNetwork(OVERLAY);
  expect(await host.backend.sync(of6(NOTHING))).toMatchObject({ outcome: 'ok', failures: [] });
  const service6 = service({
    frontends: [clusterIP('fd00:96::a')],
    endpoints: [endpoint('fd00:10:244:1::2')],
  });
  expect(await host.backend.sync(of6(incremental([service6], [], [])))).toMatchObject({
    outcome: 'partial',
    failures: [{ key: 'network cbr0', error: { code: 'unsupported' } }],
  });
  expect(await host.backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  expect(writes(host.recorder)).toEqual([]);
});

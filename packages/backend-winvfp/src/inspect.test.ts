import { describe, expect, it } from 'vitest';
import { fullChange } from '@signalbox/core';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { createHns } from '@signalbox/hns-simulator';
import { createWinvfpBackend } from './backend.ts';
import { attachPod } from './testing/random-host.ts';
import { NETWORK_ID } from './testing/scenario-world.ts';
import { createSimulatedHcn } from './testing/simulated-hcn.ts';

const WEB = sampleServicePort('IPv4', { index: 1, name: 'web', endpoints: 2 });
const FRONTEND = '10.96.0.1:80/tcp';

async function synced() {
  const hns = createHns({ hostAddresses: ['192.0.2.10'] });
  hns.addNetwork(
    { Name: 'cbr0', Type: 'L2Bridge', Ipams: [{ Subnets: [{ IpAddressPrefix: '10.244.0.0/16' }] }] },
    NETWORK_ID,
  );
  for (const { address } of WEB.localEndpoints) attachPod(hns, address);
  const options = { family: 'IPv4', networkName: 'cbr0', enableDSR: true, nodeIP: '192.0.2.10' } as const;
  const backend = createWinvfpBackend({ ...options, hcn: createSimulatedHcn(hns) });
  await backend.sync(fullChange(sampleStateOf('IPv4', [WEB])));
  return { hns, backend };
}

describe('an inspection of HNS', () => {
  it('names the load balancer and the endpoints, which are not counted', async () => {
    const { backend } = await synced();
    const inspected = await backend.inspect?.([WEB.key]);
    if (inspected?.outcome !== 'ok') throw new Error('failed');
    const service = inspected.servicePorts.get(WEB.key);
    expect(service?.endpoints).toEqual([]);
    expect(service?.objects).toEqual([
      { type: 'load balancer', name: FRONTEND, state: 'held' },
      ...WEB.clusterEndpoints.map(({ address }) => ({ type: 'endpoint', name: address, state: 'held' })),
    ]);
  });

  it('does not record the objects that it lists', async () => {
    const { backend, hns } = await synced();
    const before = JSON.stringify(hns.snapshot());
    await backend.inspect?.(null);
    await backend.difference?.();
    expect(JSON.stringify(hns.snapshot())).toBe(before);
    const result = await backend.sync(fullChange(sampleStateOf('IPv4', [WEB])));
    expect(result).toMatchObject({ outcome: 'ok', repaired: [] });
  });
});

describe('the difference of HNS', () => {
  it('prints the document of a deleted load balancer, a field a line', async () => {
    const { backend, hns } = await synced();
    hns.dropLoadBalancer(hns.snapshot().loadBalancers[0]?.ID ?? '');
    const difference = await backend.difference?.();
    const lines = difference?.outcome === 'ok' ? difference.lines : [];
    expect(lines[0]).toBe(`@@ load balancer ${FRONTEND} @@`);
    expect(lines).toContain('+      "ExternalPort": 80,');
    expect(lines.slice(1).every((line) => line.startsWith('+'))).toBe(true);
  });

  it('is empty where nothing differs', async () => {
    const { backend } = await synced();
    expect(await backend.difference?.()).toEqual({ outcome: 'ok', lines: [] });
  });
});

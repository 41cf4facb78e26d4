/** Two backends over one HNS: operations of one family must not affect the other. */
import { fullChange, type Backend, type Family } from '@signalbox/core';
import { createHns, type Hns } from '@signalbox/hns-simulator';
import { expect, it } from 'vitest';
import { createWinvfpBackend } from '../backend.ts';
import { clusterIP, endpoint, nodePort, service, stateWith } from './fixtures.ts';
import { incremental } from './random-host.ts';
import { addBridge, NETWORK_ID } from './scenario-world.ts';
import { createSimulatedHcn } from './simulated-hcn.ts';

const V4 = service({
  frontends: [clusterIP('10.96.0.10'), nodePort(30_080)],
  endpoints: [endpoint('10.244.1.2'), endpoint('10.244.2.2')],
});
const V6 = service({
  frontends: [clusterIP('fd00:10:96::a'), nodePort(30_080)],
  endpoints: [endpoint('fd00:10:244:1::2'), endpoint('fd00:10:244:2::2')],
});

function host(): { readonly hns: Hns; readonly backends: Readonly<Record<Family, Backend>> } {
  const hns = createHns({ hostAddresses: ['192.0.2.10', '2001:db8::10'] });
  addBridge(hns);
  hns.attach({
    Name: 'pod-a',
    HostComputeNetwork: NETWORK_ID,
    IpConfigurations: [{ IpAddress: '10.244.1.2' }, { IpAddress: 'FD00:10:244:1:0:0:0:2' }],
  });
  const create = (family: Family, nodeIP: string): Backend =>
    createWinvfpBackend({
      family,
      hcn: createSimulatedHcn(hns),
      networkName: 'cbr0',
      enableDSR: true,
      nodeIP,
    });
  return { hns, backends: { IPv4: create('IPv4', '192.0.2.10'), IPv6: create('IPv6', '2001:db8::10') } };
}

it('k/k#136241: both families have a load balancer of their own for one node port, over one pod endpoint', async () => {
  const { hns, backends } = host();
  await backends.IPv4.sync(fullChange(stateWith(V4)));
  await backends.IPv6.sync({ ...fullChange(stateWith(V6)), family: 'IPv6' });
  const to = (destination: string): readonly string[] | undefined =>
    hns
      .route({ protocol: 6, source: '198.51.100.7', destination, destinationPort: 30_080 })
      ?.destinations.map((entry) => entry.address);
  expect(to('192.0.2.10')).toEqual(['10.244.1.2', '10.244.2.2']);
  expect(to('2001:db8::10')).toEqual(['fd00:10:244:1::2', 'fd00:10:244:2::2']);
});

it('a full sync, a periodic one and a clean-up of one family leave the other alone', async () => {
  const { hns, backends } = host();
  await backends.IPv4.sync(fullChange(stateWith(V4)));
  const { endpoints, loadBalancers } = hns.snapshot();
  await backends.IPv6.sync({ ...fullChange(stateWith(V6)), family: 'IPv6' });
  await backends.IPv6.sync({ ...incremental([], [], []), family: 'IPv6' });
  expect(await backends.IPv6.observe()).toEqual({ outcome: 'ok', drift: [] });
  expect(await backends.IPv6.cleanup()).toEqual({
    outcome: 'ok',
    removed: ['2 load balancers', '1 endpoints'],
  });
  expect(hns.snapshot()).toMatchObject({ endpoints, loadBalancers });
  expect(await backends.IPv4.observe()).toEqual({ outcome: 'ok', drift: [] });
});

it('k/k#138603: a remote endpoint for a pod on this node is removed and not used', async () => {
  const { hns, backends } = host();
  // Windows Server 2019 and 2022 let a local and a remote endpoint share an address.
  const shared = service({ endpoints: [{ address: '10.244.1.7', port: 8080, isLocal: false }] });
  await backends.IPv4.sync(fullChange(stateWith(shared)));
  const here = service({ endpoints: [endpoint('10.244.1.2'), endpoint('10.244.1.7')] });
  const result = await backends.IPv4.sync(incremental([], [{ before: shared, after: here }], []));
  expect(result).toMatchObject({ outcome: 'partial', failures: [{ error: { code: 'not-found' } }] });
  expect(hns.snapshot().endpoints.map((entry) => entry.Name)).toEqual(['pod-a']);
});

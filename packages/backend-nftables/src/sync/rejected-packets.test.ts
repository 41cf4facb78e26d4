import { sampleNode, sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { type DesiredServicePort, fullChange } from '@signalbox/core';
import { expect, it } from 'vitest';
import { createFakeNftables } from '../testing/fake-nftables.ts';
import { createNftablesBackend } from './nftables-backend.ts';

const DNS = sampleServicePort('IPv4', { index: 1, protocol: 'UDP', exposed: 'cluster' });
const PORT = DNS.frontends.find(({ kind }) => kind === 'node-port')?.port ?? 0;

it('counts rejected packets by protocol, also those of node ports that have gone', async () => {
  const fake = createFakeNftables({ family: 'IPv4' });
  const backend = createNftablesBackend({ family: 'IPv4', driver: fake.driver });
  const sync = (...services: readonly DesiredServicePort[]) =>
    backend.sync(
      fullChange(sampleStateOf('IPv4', services, { ...sampleNode('IPv4'), loopbackSockets: true })),
    );
  expect(await backend.rejectedPackets()).toEqual(new Map());
  await sync(DNS);
  fake.count('loopback-nodeports', `udp . ${PORT}`, 3);
  expect(await backend.rejectedPackets()).toEqual(new Map([['UDP', 3]]));
  fake.count('loopback-nodeports', `udp . ${PORT}`, 5);
  expect(await backend.rejectedPackets()).toEqual(new Map([['UDP', 5]]));
  await sync();
  expect(await backend.rejectedPackets()).toEqual(new Map([['UDP', 5]]));
  await sync(DNS);
  fake.count('loopback-nodeports', `udp . ${PORT}`, 2);
  expect(await backend.rejectedPackets()).toEqual(new Map([['UDP', 7]]));
  // Another process made the table anew in between: the counter begins at zero again.
  fake.count('loopback-nodeports', `udp . ${PORT}`, 1);
  expect(await backend.rejectedPackets()).toEqual(new Map([['UDP', 8]]));
});

import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { fullChange } from '@signalbox/core';
import { serveRemote } from '@signalbox/netns/remote';
import { connectionCapacity } from '../driver/open-files.ts';
import { createUserspaceBackend } from '../userspace-backend.ts';
import { mapping } from './mapping.ts';
import type { RemoteProxy } from './remote-connections.ts';

const ADDRESS = '10.96.0.1';
const backend = createUserspaceBackend({
  family: 'IPv4',
  serviceAddresses: 'none',
  mappings: [mapping(`${ADDRESS}/32=127.0.0.1/32`)],
  drainTimeout: 0,
});
const proxy: RemoteProxy = {
  async serve(port, endpointPort) {
    const sample = sampleServicePort('IPv4', { index: 1 });
    const endpoints = [{ address: '127.0.0.1', port: endpointPort, isLocal: true }];
    const servicePort = {
      ...sample,
      frontends: sample.frontends.map((frontend) => ({ ...frontend, address: ADDRESS, port })),
      clusterEndpoints: endpoints,
      localEndpoints: endpoints,
      servingEndpoints: endpoints,
      // A kernel in user mode is slow.
      connections: { connectTimeout: 60_000 },
    };
    return (await backend.sync(fullChange(sampleStateOf('IPv4', [servicePort])))).outcome;
  },
  capacity: () => Promise.resolve(connectionCapacity().connections),
  counts: () => backend.counts(),
};
serveRemote(proxy, () => backend.close());

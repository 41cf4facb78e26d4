import { sampleStateOf } from '@signalbox/backend-kit/testing';
import { fullChange } from '@signalbox/core';
import { serveRemote } from '@signalbox/netns/remote';
import { connectionCapacity } from '../driver/open-files.ts';
import { createLoopbackBackend, serviceAt } from './loopback-backend.ts';
import type { RemoteProxy } from './remote-connections.ts';

const backend = createLoopbackBackend();
const proxy: RemoteProxy = {
  async serve(port, endpointPort) {
    const servicePort = serviceAt(port, {
      endpoints: [{ address: '127.0.0.1', port: endpointPort, isLocal: true }],
      // A kernel in user mode is slow.
      connections: { connectTimeout: 60_000 },
    });
    return (await backend.sync(fullChange(sampleStateOf('IPv4', [servicePort])))).outcome;
  },
  capacity: () => Promise.resolve(connectionCapacity().connections),
  counts: () => backend.counts(),
};
serveRemote(proxy, () => backend.close());

// A source of objects, over HTTP, from an API server in memory.
import assert from 'node:assert/strict';
import { createKubernetesSource, loadClusterConfig } from '@signalbox/kubernetes';
import { createTestApiServer } from '@signalbox/kubernetes/testing';

const server = await createTestApiServer();
server.put({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'shop', name: 'web' },
  spec: { clusterIP: '10.96.0.10', ports: [{ port: 80 }] },
});
const config = await loadClusterConfig({ master: server.url, env: {} });
assert.equal(config.ok, true, config.error?.message);
const source = createKubernetesSource({ config: config.value, nodeName: 'node-a', userAgent: 'program/1.0' });
const names = [];
await new Promise((resolve) => {
  source.start({
    onEvents: (events) => names.push(...events.map(({ object }) => object?.metadata.name)),
    onSynced: (resource) => resource === 'Service' && resolve(),
    onProblem: ({ message }) => assert.fail(message),
  });
});
await source.stop();
await server.stop();
assert.deepEqual(names, ['web']);

/**
 * What must hold against any API server. It runs against the one in memory, and against a real one if
 * KUBE_APISERVER and ETCD name its binaries.
 */
import { env } from 'node:process';

import type { Clock } from '@signalbox/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createEventRecorder } from './events/event-recorder.ts';
import { PROTOBUF } from './http/formats.ts';
import { createKubernetesSource } from './kubernetes-source.ts';
import { systemClock } from '@signalbox/core/system-clock';
import { createMemoryCluster, type Cluster } from './testing/cluster.ts';
import { createSourceRecorder, type SourceRecorder } from './testing/index.ts';
import { createRealCluster } from './testing/real-cluster.ts';
import type { WireObject } from './wire.ts';

const { KUBE_APISERVER = '', ETCD = '' } = env;
const isReal = KUBE_APISERVER !== '' && ETCD !== '';
const clusters = [
  { name: 'in memory', start: createMemoryCluster, runs: true },
  {
    name: isReal ? 'a real one' : 'a real one (set KUBE_APISERVER and ETCD to the binaries)',
    start: () => createRealCluster({ apiServer: KUBE_APISERVER, etcd: ETCD }),
    runs: isReal,
  },
];

/** Waits between attempts are twenty times shorter; limits on answers are unchanged. */
const hurried: Clock = {
  ...systemClock,
  schedule: (delayMs, callback) => systemClock.schedule(delayMs < 30_000 ? delayMs / 20 : delayMs, callback),
};

const service = (name: string, more: Record<string, unknown> = {}, labels = {}): WireObject =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', labels },
    spec: { ports: [{ port: 80 }], ...more },
  }) as WireObject;
const slice = (name: string, labels: Record<string, string> = {}): WireObject =>
  ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.244.1.5'], conditions: { ready: true } }],
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  }) as WireObject;
const node = (name: string): WireObject =>
  ({ apiVersion: 'v1', kind: 'Node', metadata: { name } }) as WireObject;

/** A real API server makes a Service, a slice and a ServiceCIDR of its own, all named `kubernetes`. */
function names({ objects }: SourceRecorder): string[] {
  return [...objects.keys()].filter((key) => !key.endsWith('/kubernetes')).sort();
}

for (const { name, start, runs } of clusters) {
  describe.skipIf(!runs).each([
    { lists: 'auto', contentType: PROTOBUF },
    { lists: 'listed', contentType: PROTOBUF },
    { lists: 'auto', contentType: 'application/json' },
    { lists: 'listed', contentType: 'application/json' },
  ] as const)(`against ${name}, lists: $lists, in $contentType`, (how) => {
    const stage: { cluster: Cluster; stop: (() => Promise<void>)[] } = {
      cluster: undefined as never,
      stop: [],
    };
    beforeAll(async () => {
      stage.cluster = await start();
    }, 60_000);
    afterAll(async () => {
      for (const stop of stage.stop.splice(0)) await stop();
      await stage.cluster.close();
    }, 60_000);

    it('reads every resource that kube-proxy may read, follows changes, and recovers after a restart without history', async () => {
      const { cluster } = stage;
      await cluster.create(service('web'));
      await cluster.create(service('headless', { clusterIP: 'None' }));
      await cluster.create(service('other-proxy', {}, { 'service.kubernetes.io/service-proxy-name': 'x' }));
      await cluster.create(slice('web-1', { 'kubernetes.io/service-name': 'web' }));
      await cluster.create(slice('headless-1', { 'service.kubernetes.io/headless': '' }));
      await cluster.create(node('node-a'));
      await cluster.create(node('node-b'));
      const recorder = createSourceRecorder();
      const { config } = cluster;
      const source = createKubernetesSource({ config, nodeName: 'node-a', ...how, qps: -1, clock: hurried });
      stage.stop.push(() => source.stop());
      source.start(recorder.handlers);
      await recorder.until(() => recorder.synced.length === 4);
      expect(names(recorder)).toEqual(['EndpointSlice default/web-1', 'Node /node-a', 'Service default/web']);

      await cluster.create(service('db'));
      await cluster.delete('EndpointSlice', 'default', 'web-1');
      await recorder.until(
        () => names(recorder).join() === 'Node /node-a,Service default/db,Service default/web',
      );

      await cluster.restart(async () => {
        await cluster.delete('Service', 'default', 'db');
        await cluster.create(slice('web-2', { 'kubernetes.io/service-name': 'web' }));
      });
      const after = ['EndpointSlice default/web-2', 'Node /node-a', 'Service default/web'].join();
      await recorder.until(() => names(recorder).join() === after);
      await cluster.create(service('last'));
      await recorder.until(() => names(recorder).includes('Service default/last'));
      expect(recorder.synced).toHaveLength(4);
    }, 60_000);

    it('may post events about its node', async () => {
      const { cluster } = stage;
      const log: string[] = [];
      const recorder = createEventRecorder({
        config: cluster.config,
        reportingInstance: 'node-a',
        log: (line) => log.push(line),
      });
      stage.stop.push(() => recorder.stop());
      const regarding = { apiVersion: 'v1', kind: 'Node', name: 'node-a' };
      recorder.record({ type: 'Normal', reason: 'Starting', action: 'StartKubeProxy', note: '', regarding });
      await expect.poll(() => cluster.eventsAbout('node-a'), { timeout: 50_000 }).toEqual(['Starting']);
      expect(log).toEqual([]);
    });
  });
}

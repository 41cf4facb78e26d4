import { backendError, createModel, fail, type Model } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import { createFakeNftables } from '../testing/fake-nftables.ts';
import { createNftablesBackend } from './nftables-backend.ts';

const SERVICE = {
  kind: 'Service',
  apiVersion: 'v1',
  metadata: { name: 'sticky', namespace: 'default' },
  spec: {
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10'],
    ipFamilies: ['IPv4'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    sessionAffinity: 'ClientIP',
  },
};

const SLICE = {
  kind: 'EndpointSlice',
  apiVersion: 'discovery.k8s.io/v1',
  metadata: { name: 'sticky-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'sticky' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [{ addresses: ['10.244.1.5'], conditions: { ready: true } }],
};

function modelWithAffinity(): Model {
  const model = createModel({
    nodeName: 'node-a',
    localDetection: { mode: 'ClusterCIDR', cidrs: [] },
    masqueradeAll: false,
    nodePortAddresses: ['primary'],
    localhostNodePorts: false,
    externalIPs: true,
    nodeIPOverride: null,
  });
  model.apply({ type: 'upsert', resource: 'Service', object: SERVICE });
  model.apply({ type: 'upsert', resource: 'EndpointSlice', object: SLICE });
  return model;
}

/** The kernel refuses each batch that deletes a chain. */
function refusingRemovals(driver: NftablesDriver): NftablesDriver {
  const error = backendError('busy', 'NFT_MSG_DELCHAIN', 'Device or resource busy', { kernel: 'unchanged' });
  return {
    ...driver,
    commit: (work) =>
      work.operations.some(({ kind }) => kind === 'delete-chain')
        ? Promise.resolve({ result: fail(error), generation: work.generation, batches: 0 })
        : driver.commit(work),
  };
}

describe('removals', () => {
  it('that the kernel refuses are counted, and the sync has the rest in place', async () => {
    const fake = createFakeNftables({ family: 'IPv4' });
    const driver = refusingRemovals(fake.driver);
    const backend = createNftablesBackend({ family: 'IPv4', driver });
    const model = modelWithAffinity();
    await backend.sync(model.build('IPv4').change);
    model.apply({ type: 'delete', resource: 'Service', namespace: 'default', name: 'sticky' });
    const result = await backend.sync(model.build('IPv4').change);
    expect(result).toMatchObject({ outcome: 'ok', counters: { cleanupFailures: 1 } });
    expect(fake.table?.sets.get('service-ips')?.elements.size).toBe(0);
  });
});

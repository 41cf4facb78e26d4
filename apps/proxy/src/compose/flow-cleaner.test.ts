import { createModel, type Built } from '@signalbox/core';
import type { ConntrackClient, FlowState } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { modelConfig } from '../sync/model-config.ts';
import { settingsOf } from '../testing/settings.ts';
import { createFlowCleaner } from './flow-cleaner.ts';

const VIP = '10.96.0.10';

function flow(endpoint: string, protocol = 17): FlowState {
  const client = { source: '10.244.1.9', sourcePort: 4000 };
  return {
    family: 'IPv4',
    protocol,
    original: { ...client, destination: VIP, destinationPort: 53 },
    reply: {
      source: endpoint,
      sourcePort: 53,
      destination: client.source,
      destinationPort: client.sourcePort,
    },
    status: 0,
    mark: 0,
  };
}

/** The first build of a cluster with one UDP service, whose endpoint is 10.244.1.5. */
function built(protocol: string): Built {
  const model = createModel(modelConfig(settingsOf([])));
  const metadata = { name: 'dns', namespace: 'default' };
  const ports = [{ name: 'dns', port: 53, protocol }];
  const spec = { type: 'ClusterIP', clusterIP: VIP, clusterIPs: [VIP], ipFamilies: ['IPv4'], ports };
  model.apply({
    type: 'upsert',
    resource: 'Service',
    object: { apiVersion: 'v1', kind: 'Service', metadata, spec },
  });
  model.apply({
    type: 'upsert',
    resource: 'EndpointSlice',
    object: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'dns-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'dns' } },
      addressType: 'IPv4',
      ports,
      endpoints: [{ addresses: ['10.244.1.5'], conditions: { ready: true } }],
    },
  });
  return model.build('IPv4');
}

function fakeClient(flows: readonly FlowState[]) {
  const calls = { listed: 0, deleted: [] as unknown[] };
  const client: ConntrackClient = {
    listFlows: () => {
      calls.listed += 1;
      return Promise.resolve({ ok: true, value: { items: [...flows], quality: 'consistent' } });
    },
    deleteFlows: (stale) => {
      calls.deleted.push(...stale);
      const outcomes = stale.map(() => undefined);
      return Promise.resolve({ ok: true, value: { deleted: stale.length, gone: 0, outcomes } });
    },
    createFlows: () => Promise.reject(new Error('not asked for')),
    close: () => undefined,
  };
  return { client, calls };
}

describe('cleaning connection tracking after a sync', () => {
  it('F167 F168 S46 S49: deletes UDP flows to endpoints that are gone, and counts them', async () => {
    const [dead, alive] = [flow('10.244.1.66'), flow('10.244.1.5')];
    const { client, calls } = fakeClient([dead, alive, flow('10.244.1.66', 6)]);
    expect(await createFlowCleaner('IPv4', client).clean(built('UDP'))).toEqual({ deleted: 1 });
    expect(calls.deleted).toEqual([dead]);
  });

  it('S44 S48: without a UDP port the table is not even listed', async () => {
    const { client, calls } = fakeClient([flow('10.244.1.66')]);
    expect(await createFlowCleaner('IPv4', client).clean(built('TCP'))).toBeNull();
    expect(calls.listed).toBe(0);
  });

  it('a failure is a value that names the operation', async () => {
    const { client } = fakeClient([]);
    const error = { code: 'not-permitted', operation: 'IPCTNL_MSG_CT_GET', message: 'EPERM' } as const;
    const broken = { ...client, listFlows: () => Promise.resolve({ ok: false, error } as const) };
    const result = await createFlowCleaner('IPv4', broken).clean(built('UDP'));
    expect(result).toMatchObject({
      deleted: 0,
      error: { code: 'not-permitted', operation: 'IPCTNL_MSG_CT_GET' },
    });
  });
});

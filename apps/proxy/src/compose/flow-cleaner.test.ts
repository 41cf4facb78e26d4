import type { ConntrackClient, FlowState } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { dnsFlow, dnsModel } from '../testing/dns-service.ts';
import type { FlowTask } from './composition.ts';
import { createFlowCleaner } from './flow-cleaner.ts';

function task(protocol: string): FlowTask {
  const { change, state } = dnsModel(protocol).build('IPv4');
  return { change, state, orphans: false };
}

function fakeClient(flows: readonly FlowState[]) {
  const calls = { listed: 0, deleted: [] as unknown[] };
  const client: ConntrackClient = {
    listFlows: (family, protocols) => {
      calls.listed += 1;
      const items = flows.filter((flow) => flow.family === family && protocols.includes(flow.protocol));
      return Promise.resolve({ ok: true, value: { items, quality: 'consistent' } });
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
    const [dead, alive] = [dnsFlow('10.244.1.66'), dnsFlow('10.244.1.5')];
    const { client, calls } = fakeClient([dead, alive, dnsFlow('10.244.1.66', 6)]);
    expect(await createFlowCleaner('IPv4', client).clean(task('UDP'))).toEqual({ deleted: 1 });
    expect(calls.deleted).toEqual([dead]);
  });

  it('S48: deletes SCTP flows to a frontend that is gone, and leaves TCP', async () => {
    const model = dnsModel('SCTP');
    model.build('IPv4');
    model.apply({ type: 'delete', resource: 'Service', namespace: 'default', name: 'dns' });
    const { change, state } = model.build('IPv4');
    const stale = dnsFlow('10.244.1.5', 132);
    const { client, calls } = fakeClient([stale, dnsFlow('10.244.1.5', 6)]);
    const cleaner = createFlowCleaner('IPv4', client);
    expect(await cleaner.clean({ change, state, orphans: false })).toEqual({ deleted: 1 });
    expect(calls.deleted).toEqual([stale]);
  });

  it('S44 S48: without a UDP port the table is not even listed', async () => {
    const { client, calls } = fakeClient([dnsFlow('10.244.1.66')]);
    expect(await createFlowCleaner('IPv4', client).clean(task('TCP'))).toBeNull();
    expect(calls.listed).toBe(0);
  });

  it('S44 S47: finds flows of a Service that no change names, even where no UDP port is left', async () => {
    const { change, state } = dnsModel('TCP').build('IPv4');
    const node = { ...state.node, serviceCIDRs: ['10.96.0.0/16'] };
    const orphans = { change, state: { ...state, node }, orphans: true };
    const orphan = dnsFlow('10.244.1.66');
    const { client, calls } = fakeClient([orphan]);
    expect(await createFlowCleaner('IPv4', client).clean(orphans)).toEqual({ deleted: 1 });
    expect(calls.deleted).toEqual([orphan]);
    expect(await createFlowCleaner('IPv4', client).clean({ ...orphans, orphans: false })).toBeNull();
    expect(await createFlowCleaner('IPv4', client).clean({ ...orphans, state })).toBeNull();
  });

  it('a failure is a value that names the operation', async () => {
    const { client } = fakeClient([]);
    const error = { code: 'not-permitted', operation: 'IPCTNL_MSG_CT_GET', message: 'EPERM' } as const;
    const broken = { ...client, listFlows: () => Promise.resolve({ ok: false, error } as const) };
    const result = await createFlowCleaner('IPv4', broken).clean(task('UDP'));
    expect(result).toMatchObject({
      deleted: 0,
      error: { code: 'not-permitted', operation: 'IPCTNL_MSG_CT_GET' },
    });
  });
});

import { createModel, type Model } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { IPTABLES } from '../modes/iptables.ts';
import { IPVS } from '../modes/ipvs.ts';
import { KERNELSPACE } from '../modes/kernelspace.ts';
import { NFTABLES } from '../modes/nftables.ts';
import { modelConfig } from '../sync/model-config.ts';
import { settingsOf } from '../testing/settings.ts';
import { serviceDifferences } from './service-differences.ts';

function service(name: string, clusterIP: string, spec: object = {}): object {
  return {
    metadata: { namespace: 'shop', name },
    spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } },
  };
}

const guarded = service('guarded', '10.96.0.10', {
  type: 'LoadBalancer',
  loadBalancerSourceRanges: ['198.51.100.0/24'],
});
const sticky = service('sticky', '10.96.0.11', { sessionAffinity: 'ClientIP' });
const plain = service('plain', '10.96.0.12');

function modelOf(...services: readonly object[]): Model {
  const model = createModel(modelConfig(settingsOf([])));
  for (const object of services) model.apply({ type: 'upsert', resource: 'Service', object });
  model.build('IPv4');
  return model;
}

const model = modelOf(guarded, sticky, plain);

describe('the effects of a mode change on single Services', () => {
  it('are none between modes that enforce source ranges and carry over clients of other modes', () => {
    expect(serviceDifferences(model, IPTABLES, NFTABLES)).toEqual([]);
    expect(serviceDifferences(model, NFTABLES, IPTABLES)).toEqual([]);
    expect(serviceDifferences(model, IPVS, NFTABLES)).toEqual([]);
    expect(serviceDifferences(model, IPVS, IPVS)).toEqual([]);
  });

  it('include Services with session affinity if the new mode does not carry over clients', () => {
    const [difference, ...more] = serviceDifferences(model, IPTABLES, IPVS);
    expect(difference).toMatchObject({ about: 'session-affinity', services: ['shop/sticky'] });
    expect(more).toEqual([]);
    expect(serviceDifferences(modelOf(guarded, plain), IPTABLES, IPVS)).toEqual([]);
  });

  it.each([
    [IPTABLES, { ...NFTABLES, ignoresSourceRanges: true } as const, /no effect: every source may connect$/],
    [{ ...IPTABLES, ignoresSourceRanges: true } as const, NFTABLES, /take effect: packets of other sources/],
  ])('lists Services with source ranges if only one of the modes enforces them', (before, after, message) => {
    expect(serviceDifferences(model, before, after)).toEqual([
      {
        about: 'source-ranges',
        message: expect.stringMatching(message) as string,
        services: ['shop/guarded'],
      },
    ]);
  });

  it('name kernelspace as the mode that does not enforce source ranges', () => {
    expect(serviceDifferences(model, KERNELSPACE, IPTABLES)).toMatchObject([{ about: 'source-ranges' }]);
  });
});

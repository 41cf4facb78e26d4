import { createModel, type Model } from '@signalbox/core';
import { serviceObject, TEST_CONFIG, upsert } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { IPTABLES } from '../modes/iptables.ts';
import { IPVS } from '../modes/ipvs.ts';
import { KERNELSPACE } from '../modes/kernelspace.ts';
import { NFTABLES } from '../modes/nftables.ts';
import { serviceDifferences } from './service-differences.ts';

const guarded = serviceObject({
  name: 'guarded',
  spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['198.51.100.0/24'] },
  ingress: [{ ip: '203.0.113.7' }],
});
const sticky = serviceObject({
  name: 'sticky',
  spec: { clusterIP: '10.96.0.11', sessionAffinity: 'ClientIP' },
});
const plain = serviceObject({ name: 'plain', spec: { clusterIP: '10.96.0.12' } });

function modelOf(...services: readonly object[]): Model {
  const model = createModel(TEST_CONFIG);
  for (const service of services) model.apply(upsert('Service', service));
  model.build('IPv4');
  return model;
}

const model = modelOf(guarded, sticky, plain);

describe('what a change of the mode means for single Services', () => {
  it('is nothing among modes that enforce source ranges and take clients of other modes', () => {
    expect(serviceDifferences(model, IPTABLES, NFTABLES)).toEqual([]);
    expect(serviceDifferences(model, NFTABLES, IPTABLES)).toEqual([]);
    expect(serviceDifferences(model, IPVS, NFTABLES)).toEqual([]);
    expect(serviceDifferences(model, IPVS, IPVS)).toEqual([]);
  });

  it('lists Services with session affinity if the new mode does not take clients', () => {
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

  it('names kernelspace as the mode that does not enforce source ranges', () => {
    expect(serviceDifferences(model, KERNELSPACE, IPTABLES)).toMatchObject([{ about: 'source-ranges' }]);
  });
});

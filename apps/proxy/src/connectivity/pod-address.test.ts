import { createModel } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { modelConfig } from '../sync/model-config.ts';
import { settingsOf } from '../testing/settings.ts';
import { choosePodAddresses, lastAddresses } from './pod-address.ts';

function model(podCIDRs: readonly string[], endpoints: readonly string[] = []) {
  const made = createModel(modelConfig(settingsOf(['--hostname-override=node-a'])));
  made.apply({
    type: 'upsert',
    resource: 'Node',
    object: { metadata: { name: 'node-a' }, spec: { podCIDRs } },
  });
  made.apply({
    type: 'upsert',
    resource: 'EndpointSlice',
    object: {
      metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ port: 80 }],
      endpoints: endpoints.map((address) => ({ addresses: [address] })),
    },
  });
  return made;
}

const FREE = { interfaceAddresses: [], isInUse: () => Promise.resolve(false) };

describe('the addresses of a temporary pod', () => {
  it('are the last of the pod CIDR of each family, without broadcast', async () => {
    const facts = { model: model(['10.244.1.0/24', 'fd00:1::/64']), ...FREE };
    expect(await choosePodAddresses(facts)).toEqual(['10.244.1.254', 'fd00:1::ffff:ffff:ffff:fffe']);
  });

  it('are not those of endpoints, of the node, or in use by other pods', async () => {
    const facts = {
      model: model(['10.244.1.0/24'], ['10.244.1.254']),
      interfaceAddresses: ['10.244.1.253'],
      isInUse: (address: string) => Promise.resolve(address === '10.244.1.252'),
    };
    expect(await choosePodAddresses(facts)).toEqual(['10.244.1.251']);
  });

  it('are missing where the Node has no pod CIDR, or all that were tried are in use', async () => {
    expect(await choosePodAddresses({ model: model([]), ...FREE })).toEqual([]);
    const full = { ...FREE, isInUse: () => Promise.resolve(true) };
    expect(await choosePodAddresses({ model: model(['10.244.1.0/24']), ...full })).toEqual([]);
  });

  it.each([
    ['10.244.1.0/30', ['10.244.1.2', '10.244.1.1']],
    ['10.244.1.0/31', []],
    ['fd00::/64', []],
    ['no CIDR', []],
  ])('in %s: %j', (cidr, expected) => {
    expect(lastAddresses(cidr, 'IPv4')).toEqual(expected);
  });
});

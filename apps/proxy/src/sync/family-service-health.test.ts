import { createModel, type Family, type InterfaceAddress } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { settingsOf } from '../testing/settings.ts';
import { listenAddresses } from './family-service-health.ts';
import { modelConfig } from './model-config.ts';

const INTERFACES: readonly InterfaceAddress[] = [
  '192.0.2.10',
  '203.0.113.7',
  '127.0.0.1',
  '2001:db8::10',
  '::1',
].map((address) => ({
  interface: 'eth0',
  family: address.includes(':') ? 'IPv6' : 'IPv4',
  address,
}));

function addresses(words: string, family: Family): readonly string[] {
  const model = createModel(
    modelConfig(settingsOf([`--nodeport-addresses=${words}`, '--hostname-override=a'])),
  );
  const status = ['192.0.2.10', '2001:db8::10'].map((address) => ({ type: 'InternalIP', address }));
  const object = { metadata: { name: 'a', uid: 'a' }, spec: {}, status: { addresses: status } };
  model.apply({ type: 'upsert', resource: 'Node', object });
  model.setInterfaceAddresses(INTERFACES);
  model.build(family);
  return listenAddresses(model, family);
}

describe('addresses of health-check node ports', () => {
  it.each([
    ['', ['0.0.0.0'], ['::']],
    ['all', ['0.0.0.0'], ['::']],
    ['primary', ['192.0.2.10'], ['2001:db8::10']],
    ['primary,203.0.113.0/24', ['192.0.2.10', '203.0.113.7'], ['2001:db8::10']],
    ['203.0.113.0/24', ['203.0.113.7'], ['::']],
    ['203.0.113.0/24,::/0', ['203.0.113.7'], ['::']],
    ['0.0.0.0/0,2001:db8::/32', ['0.0.0.0'], ['2001:db8::10']],
    ['primary,localhost', ['127.0.0.1', '192.0.2.10'], ['2001:db8::10']],
  ])('F141: of nodePortAddresses %j', (words, ipv4, ipv6) => {
    expect([addresses(words, 'IPv4'), addresses(words, 'IPv6')]).toEqual([ipv4, ipv6]);
  });
});

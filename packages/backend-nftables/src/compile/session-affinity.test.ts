import { sampleServicePort } from '@signalbox/backend-kit/testing';
import { describe, expect, it } from 'vitest';
import { compiled } from '../testing/compiled.ts';

describe('session affinity (S31-S33)', () => {
  const service = sampleServicePort('IPv4', { endpoints: 2, affinitySeconds: 60, exposed: 'cluster' });
  const { elements, groups, chains, sets } = compiled(service);

  it('has chains and sets under the names that kube-proxy gives them, and no endpoints in the maps', () => {
    expect(groups).toEqual([]);
    expect(elements).toContain(
      'service-ips: 10.96.0.0 . tcp . 80 : goto service-Z4IK7MRX-shop/service-0/tcp/http',
    );
    expect(sets[0]).toMatchObject({ key: ['ipv4_addr'], flags: ['dynamic', 'timeout'], timeout: 60_000 });
    expect(sets.map(({ name }) => name.replace(/^affinity-\w{8}-/, ''))).toEqual([
      'shop/service-0/tcp/http__10.244.0.0/8080',
      'shop/service-0/tcp/http__10.244.0.1/8080',
    ]);
  });

  it('looks for the client in the set of each endpoint first, then chooses with equal chances', () => {
    const rules = chains['service-Z4IK7MRX-shop/service-0/tcp/http'];
    expect(rules?.map((text) => text.replaceAll(/-\w{8}-shop\S+__/g, '-'))).toEqual([
      'ip saddr @affinity-10.244.0.0/8080 goto endpoint-10.244.0.0/8080',
      'ip saddr @affinity-10.244.0.1/8080 goto endpoint-10.244.0.1/8080',
      'numgen random mod 2 0 goto endpoint-10.244.0.0/8080',
      'goto endpoint-10.244.0.1/8080',
    ]);
  });

  it('S14: chooses an endpoint for a new client as often as its weight', () => {
    const [first, second] = service.clusterEndpoints;
    if (first === undefined || second === undefined) throw new Error('two endpoints');
    const clusterEndpoints = [
      { ...first, weight: 10 },
      { ...second, weight: 5 },
    ];
    const rules = compiled({ ...service, clusterEndpoints }).chains[
      'service-Z4IK7MRX-shop/service-0/tcp/http'
    ];
    expect(rules?.slice(2).map((text) => text.replaceAll(/-\w{8}-shop\S+__/g, '-'))).toEqual([
      'numgen random mod 3 0 goto endpoint-10.244.0.0/8080',
      'numgen random mod 2 0 goto endpoint-10.244.0.0/8080',
      'goto endpoint-10.244.0.1/8080',
    ]);
  });

  it('notes the client in a rule ahead of the translation, so that a full set rejects no client', () => {
    const [name = '', ...more] = Object.keys(chains).filter((each) => each.startsWith('endpoint-'));
    expect(more).toHaveLength(1);
    expect(chains[name]).toEqual([
      `update @affinity-${name.slice('endpoint-'.length)} { ip saddr }`,
      'meta l4proto tcp dnat to 10.244.0.0:8080',
    ]);
  });
});

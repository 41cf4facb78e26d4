import { describe, expect, it } from 'vitest';
import { sampleContext } from '../testing/compile-context.ts';
import { fixed } from '../testing/compiled.ts';
import { fixedChains } from './base-chains.ts';

describe('what is there without any service', () => {
  it('rejects ports that a cluster IP lacks, and drops what is for addresses that no Service has (S43)', () => {
    const { 'cluster-ips-check': rules } = fixed({ serviceCIDRs: ['10.96.0.0/12', '10.112.0.0/16'] });
    expect(rules).toEqual([
      'ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"',
      'ip daddr 10.96.0.0/12 drop comment "Drop traffic to unallocated ClusterIPs"',
      'ip daddr 10.112.0.0/16 drop comment "Drop traffic to unallocated ClusterIPs"',
    ]);
    expect(fixed({ serviceCIDRs: [] })['cluster-ips-check']).toHaveLength(1);
  });

  it('resets TCP over IPv6, where an ICMPv6 error does not end an attempt of the node itself', () => {
    expect(fixed({}, 'IPv6')['reject-chain']).toEqual(['reject with tcp reset', 'reject']);
    expect(fixed({})['reject-chain']).toEqual(['reject']);
  });

  it('has the base chains of kube-proxy, by name, type, hook and priority', () => {
    const bases = fixedChains(sampleContext('IPv4')).flatMap(({ name, base }) =>
      base === undefined ? [] : [`${name}: ${base.type} ${base.hook} ${base.priority}`],
    );
    expect(bases).toEqual([
      'filter-prerouting-pre-dnat: filter prerouting -110',
      'filter-output-pre-dnat: filter output -110',
      'filter-input: filter input 0',
      'filter-forward: filter forward 0',
      'filter-output: filter output 0',
      'nat-prerouting: nat prerouting -100',
      'nat-output: nat output -100',
      'nat-postrouting: nat postrouting 100',
    ]);
  });
});

import type { DesiredNode } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { formatRule } from '../format/rule-text.ts';
import { sampleContext } from '../testing/compile-context.ts';
import { clusterIPMasqueradeRules, masqueradingChain } from './masquerade.ts';

describe('masquerading (S35, S37, S38)', () => {
  const rules = (node: Partial<DesiredNode>) =>
    clusterIPMasqueradeRules(sampleContext('IPv4', node)).map((each) => formatRule(each, 'IPv4'));

  it('marks connections to cluster IPs that no pod of this node opened', () => {
    expect(rules({ localDetector: { kind: 'cidrs', cidrs: ['10.1.0.0/16', '10.2.0.0/16'] } })).toEqual([
      'ip daddr @cluster-ips ip saddr != 10.1.0.0/16 ip saddr != 10.2.0.0/16 meta mark set meta mark | 0x00004000 comment "masquerade clusterIP traffic from outside cluster"',
    ]);
    expect(rules({ clusterIPMasquerade: 'none' })).toEqual([]);
    expect(rules({ clusterIPMasquerade: 'all' })).toEqual([
      'ip daddr @cluster-ips meta mark set meta mark | 0x00004000 comment "masquerade all traffic to ClusterIPs"',
    ]);
  });

  it('takes the mark off before it masquerades, and masquerades endpoints that reach themselves', () => {
    const { rules: masquerading } = masqueradingChain(sampleContext('IPv6'));
    expect(masquerading.map((each) => formatRule(each, 'IPv6'))).toEqual([
      'meta mark & 0x00004000 != 0x00000000 meta mark set meta mark ^ 0x00004000 masquerade fully-random',
      'ct status dnat ip6 saddr . ip6 daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random',
    ]);
  });
});

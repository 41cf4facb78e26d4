import { describe, expect, it } from 'vitest';
import { encodeRule } from '@signalbox/iptables';
import { sampleState } from '../testing/sample-state.ts';
import { forwardChain } from './base-chains.ts';
import type { CompileContext, RuleOptions } from './context.ts';
import { masqueradeChains } from './masquerade.ts';

function context(options: Partial<RuleOptions> = {}): CompileContext {
  return {
    family: 'IPv4',
    node: sampleState([]).node,
    options: {
      endpointChains: 'always',
      masqueradeMark: 1 << 14,
      randomFully: true,
      conntrackLiberal: false,
      accounting: false,
      ...options,
    },
    endpointComments: 'kept',
  };
}

function texts(name: string, options: Partial<RuleOptions> = {}): readonly string[] {
  const chains = [...masqueradeChains(context(options)), forwardChain(context(options))];
  return chains.find((chain) => chain.name === name)?.rules.map((rule) => encodeRule(rule, 'IPv4')) ?? [];
}

describe('the masquerade mark', () => {
  it('S38: is one bit, and is cleared before the translation', () => {
    expect(texts('KUBE-MARK-MASQ', { masqueradeMark: 1 << 20 })).toEqual([
      '-j MARK --set-xmark 0x100000/0x100000',
    ]);
    const [unmarked, off, translate] = texts('KUBE-POSTROUTING');
    expect(unmarked).toBe('-m mark ! --mark 0x4000/0x4000 -j RETURN');
    expect(off).toBe('-j MARK --set-xmark 0x4000/0x0');
    expect(translate).toMatch(/ -j MASQUERADE --random-fully$/);
  });

  it('S38: uses no random source ports where the tool does not support them', () => {
    expect(texts('KUBE-POSTROUTING', { randomFully: false }).at(-1)).toMatch(/ -j MASQUERADE$/);
  });
});

describe('KUBE-FORWARD', () => {
  it('S39: accepts marked packets and replies', () => {
    const rules = texts('KUBE-FORWARD').filter((rule) => rule.endsWith('-j ACCEPT'));
    expect(rules).toHaveLength(2);
    expect(rules[0]).toContain('--mark 0x4000/0x4000');
    expect(rules[1]).toContain('--ctstate RELATED,ESTABLISHED');
  });

  it('S39, S63: drops packets in state INVALID in its first rule, unless nf_conntrack_tcp_be_liberal is set', () => {
    expect(texts('KUBE-FORWARD')[0]).toBe('-m conntrack --ctstate INVALID -j DROP');
    expect(texts('KUBE-FORWARD', { conntrackLiberal: true }).join('\n')).not.toContain('INVALID');
  });
});

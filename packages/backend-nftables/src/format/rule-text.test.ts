import { describe, expect, it } from 'vitest';
import { jump, type Match, rule, type Statement } from '../objects/rule.ts';
import { formatRule } from './rule-text.ts';

const MATCHES: readonly (readonly [string, Match, string])[] = [
  ['IPv4', { kind: 'address', field: 'saddr', cidr: '10.0.0.1/32', inverted: true }, 'ip saddr != 10.0.0.1'],
  ['IPv6', { kind: 'address', field: 'daddr', cidr: 'fd00::/32' }, 'ip6 daddr fd00::/32'],
  ['IPv6', { kind: 'address', field: 'daddr', cidr: 'fd00::1/128' }, 'ip6 daddr fd00::1'],
  ['IPv4', { kind: 'mark', mask: 0x4000 }, 'meta mark & 0x00004000 != 0x00000000'],
  ['IPv4', { kind: 'mark', mask: 2 ** 31 }, 'meta mark != 0x00000000/1'],
  ['IPv4', { kind: 'in-interface', name: 'cni', prefix: true, inverted: true }, 'iifname != "cni*"'],
  [
    'IPv4',
    { kind: 'in-set', key: ['daddr', 'dport'], set: 'a', inverted: true },
    'ip daddr . th dport != @a',
  ],
];

const STATEMENTS: readonly (readonly [string, Statement, string])[] = [
  ['IPv4', { kind: 'dnat', address: '10.0.0.1', port: 80 }, 'dnat to 10.0.0.1:80'],
  ['IPv6', { kind: 'dnat', address: 'fd00::1', port: 80 }, 'dnat to [fd00::1]:80'],
  [
    'IPv6',
    { kind: 'dnat-map', key: ['dport'], slots: 4, map: 'a' },
    'dnat ip6 to th dport . numgen random mod 4 map @a',
  ],
  [
    'IPv6',
    { kind: 'dnat-map', key: ['dport'], slots: 251, seed: 0x1234, map: 'a' },
    'dnat ip6 to th dport . jhash ip6 saddr mod 251 seed 0x1234 map @a',
  ],
  ['IPv6', { kind: 'update-set', set: 'a' }, 'update @a { ip6 saddr }'],
  ['IPv4', jump('services'), 'jump services'],
];

describe('rules in the words of nft', () => {
  it.each(MATCHES)('%s: %j', (family, match, text) => {
    expect(formatRule(rule([match]), family as 'IPv4')).toBe(text);
  });

  it.each(STATEMENTS)('%s: %j', (family, statement, text) => {
    expect(formatRule(rule([], statement), family as 'IPv4')).toBe(text);
  });

  it('have matches ahead of statements, and the comment last', () => {
    const text = formatRule({ ...rule([{ kind: 'ct-new' }], { kind: 'reject' }), comment: 'why' }, 'IPv4');
    expect(text).toBe('ct state new reject comment "why"');
  });

  it('do not list the protocol that a reset implies', () => {
    const reset = rule([{ kind: 'protocol', protocol: 'tcp' }], { kind: 'reject', tcpReset: true });
    expect(formatRule(reset, 'IPv6')).toBe('reject with tcp reset');
  });
});

import type { Family } from '@signalbox/core';
import type { Expression } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { DROP, type Match, type Statement } from '../objects/rule.ts';
import { ruleExpressions } from './rule-expressions.ts';

/** `cmp eq 06`: the fields of an expression in their order, bytes in hexadecimal. */
function textOf(expression: Expression): string {
  const word = (value: unknown): string => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    if (typeof value === 'object') return Object.values(value ?? {}).join(' ');
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
  return Object.values(expression).map(word).join(' ');
}

const ofMatch = (match: Match, family: Family = 'IPv4'): readonly string[] =>
  ruleExpressions({ matches: [match], statements: [] }, family).map(textOf);
const ofStatement = (statement: Statement, family: Family = 'IPv4'): readonly string[] =>
  ruleExpressions({ matches: [], statements: [statement] }, family).map(textOf);

const address = (cidr: string, more: object = {}): Match => ({
  kind: 'address',
  field: 'saddr',
  cidr,
  ...more,
});

describe('expressions of a match', () => {
  it.each<[Match, Family, readonly string[]]>([
    [{ kind: 'ct-new' }, 'IPv4', ['ct state 1', 'bitwise 1 1 4 08000000 00000000', 'cmp 1 neq 00000000']],
    [{ kind: 'ct-dnat' }, 'IPv4', ['ct status 1', 'bitwise 1 1 4 20000000 00000000', 'cmp 1 neq 00000000']],
    [
      { kind: 'mark', mask: 0x4000 },
      'IPv4',
      ['meta mark 1', 'bitwise 1 1 4 00400000 00000000', 'cmp 1 neq 00000000'],
    ],
    [address('10.244.0.0/16'), 'IPv4', ['payload 1 network 12 2', 'cmp 1 eq 0af4']],
    [address('10.244.0.0/16', { inverted: true }), 'IPv4', ['payload 1 network 12 2', 'cmp 1 neq 0af4']],
    [
      address('10.244.128.0/17'),
      'IPv4',
      ['payload 1 network 12 4', 'bitwise 1 1 4 ffff8000 00000000', 'cmp 1 eq 0af48000'],
    ],
    [
      address('0.0.0.0/0'),
      'IPv4',
      ['payload 1 network 12 4', 'bitwise 1 1 4 00000000 00000000', 'cmp 1 eq 00000000'],
    ],
    [address('10.244.0.9'), 'IPv4', ['payload 1 network 12 4', 'cmp 1 eq 0af40009']],
    [
      address('fd00:10:244::/56', { field: 'daddr' }),
      'IPv6',
      ['payload 1 network 24 7', 'cmp 1 eq fd000010024400'],
    ],
    [
      address('fd00:10:244::/57'),
      'IPv6',
      [
        'payload 1 network 8 16',
        'bitwise 1 1 16 ffffffffffffff800000000000000000 00000000000000000000000000000000',
        'cmp 1 eq fd000010024400000000000000000000',
      ],
    ],
    [
      { kind: 'in-interface', name: 'cni0' },
      'IPv4',
      ['meta iifname 1', 'cmp 1 eq 636e6930000000000000000000000000'],
    ],
    [
      { kind: 'in-interface', name: 'cni', prefix: true, inverted: true },
      'IPv4',
      ['meta iifname 1', 'cmp 1 neq 636e69'],
    ],
    [{ kind: 'local-address', field: 'daddr' }, 'IPv4', ['fib 1 type daddr', 'cmp 1 eq 02000000']],
    [
      { kind: 'in-set', key: ['daddr', 'l4proto', 'dport'], set: 'ips' },
      'IPv4',
      ['payload 1 network 16 4', 'meta l4proto 9', 'payload 10 transport 2 2', 'lookup ips 1'],
    ],
    [
      { kind: 'in-set', key: ['daddr', 'l4proto', 'dport'], set: 'ips', inverted: true },
      'IPv6',
      ['payload 1 network 24 16', 'meta l4proto 2', 'payload 13 transport 2 2', 'lookup ips 1 true'],
    ],
    [{ kind: 'protocol', protocol: 'sctp' }, 'IPv4', ['meta l4proto 1', 'cmp 1 eq 84']],
    [{ kind: 'one-in', modulus: 3 }, 'IPv4', ['numgen 1 3 random', 'cmp 1 eq 00000000']],
  ])('%j, %s', (match, family, expected) => {
    expect(ofMatch(match, family)).toEqual(expected);
  });

  it('is refused for a text that is no range', () => {
    expect(() => ofMatch(address('10.244.0.0/33'))).toThrow(RangeError);
  });
});

describe('expressions of a statement', () => {
  it.each<[Statement, Family, readonly string[]]>([
    [
      { kind: 'set-mark', mask: 0x4000 },
      'IPv4',
      ['meta mark 1', 'bitwise 1 1 4 ffbfffff 00400000', 'meta mark 1'],
    ],
    [
      { kind: 'flip-mark', mask: 0x4000 },
      'IPv4',
      ['meta mark 1', 'bitwise 1 1 4 ffffffff 00400000', 'meta mark 1'],
    ],
    [{ kind: 'masquerade' }, 'IPv4', ['masq true']],
    [
      { kind: 'dnat', address: '10.244.0.9', port: 8080 },
      'IPv4',
      ['immediate 1 0af40009', 'immediate 2 1f90', 'nat dnat ip 1 2'],
    ],
    [
      { kind: 'dnat', address: 'fd00::9', port: 8080 },
      'IPv6',
      ['immediate 1 fd000000000000000000000000000009', 'immediate 2 1f90', 'nat dnat ip6 1 2'],
    ],
    [
      { kind: 'dnat-map', key: ['daddr', 'l4proto', 'dport'], slots: 4, map: 'm' },
      'IPv4',
      [
        'payload 1 network 16 4',
        'meta l4proto 9',
        'payload 10 transport 2 2',
        'numgen 11 4 random',
        'lookup m 1 1',
        'nat dnat ip 1 9',
      ],
    ],
    [
      { kind: 'dnat-map', key: ['daddr', 'l4proto', 'dport'], slots: 4, map: 'm' },
      'IPv6',
      [
        'payload 1 network 24 16',
        'meta l4proto 2',
        'payload 13 transport 2 2',
        'numgen 14 4 random',
        'lookup m 1 1',
        'nat dnat ip6 1 2',
      ],
    ],
    [
      { kind: 'dnat-map', key: ['daddr', 'l4proto', 'dport'], slots: 251, seed: 0x1234, map: 'm' },
      'IPv4',
      [
        'payload 1 network 16 4',
        'meta l4proto 9',
        'payload 10 transport 2 2',
        'payload 3 network 12 4',
        'hash 3 11 4 251 4660',
        'lookup m 1 1',
        'nat dnat ip 1 9',
      ],
    ],
    [
      { kind: 'dnat-map', key: ['l4proto', 'dport'], slots: 251, seed: 0x1234, map: 'm' },
      'IPv6',
      [
        'meta l4proto 1',
        'payload 9 transport 2 2',
        'payload 15 network 8 16',
        'hash 15 10 16 251 4660',
        'lookup m 1 1',
        'nat dnat ip6 1 2',
      ],
    ],
    [{ kind: 'update-set', set: 'affinity' }, 'IPv6', ['payload 1 network 8 16', 'dynset affinity update 1']],
    [
      { kind: 'verdict-map', key: ['daddr', 'l4proto', 'dport'], map: 'services' },
      'IPv4',
      ['payload 1 network 16 4', 'meta l4proto 9', 'payload 10 transport 2 2', 'lookup services 1 0'],
    ],
    [
      { kind: 'verdict-map', key: ['l4proto', 'dport'], map: 'nodeports' },
      'IPv6',
      ['meta l4proto 1', 'payload 9 transport 2 2', 'lookup nodeports 1 0'],
    ],
    [{ kind: 'reject' }, 'IPv4', ['reject icmp 3']],
    [{ kind: 'reject' }, 'IPv6', ['reject icmp 4']],
    [{ kind: 'reject', tcpReset: true }, 'IPv4', ['reject tcp-reset']],
    [DROP, 'IPv4', ['immediate 0 drop']],
    [{ kind: 'verdict', verdict: { kind: 'goto', chain: 'pick' } }, 'IPv4', ['immediate 0 goto pick']],
  ])('%j, %s', (statement, family, expected) => {
    expect(ofStatement(statement, family)).toEqual(expected);
  });
});

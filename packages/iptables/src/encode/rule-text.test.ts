import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONNTRACK_STATES, oneIn, singlePort, type Match } from '../objects/match.ts';
import { rule, type Rule } from '../objects/rule.ts';
import { ACCEPT, DROP, goTo, jump, NO_TARGET, REJECT, RETURN, type Target } from '../objects/target.ts';
import { canonicalText } from './encoded-chain.ts';
import { parseRule } from './parse-rule.ts';
import { encodeRule } from './rule-text.ts';

const tcp: Match = { kind: 'protocol', protocol: 'tcp' };
const tcpPort = (port: number): Match => ({
  kind: 'ports',
  protocol: 'tcp',
  source: null,
  destination: singlePort(port),
});

/** As printed by iptables-save 1.8.9, both variants. */
const IPV4: readonly (readonly [string, Rule])[] = [
  [
    '-d 10.0.0.1/32 -p tcp -m comment --comment "ns/a:b cluster IP" -m tcp --dport 80 -j KUBE-SVC-X',
    rule(
      [
        tcp,
        { kind: 'comment', text: 'ns/a:b cluster IP' },
        { kind: 'destination', cidr: '10.0.0.1/32' },
        tcpPort(80),
      ],
      jump('KUBE-SVC-X'),
    ),
  ],
  ['-m comment --comment abc -j RETURN', rule([{ kind: 'comment', text: 'abc' }], RETURN)],
  ['! -s 10.0.0.0/8 -j DROP', rule([{ kind: 'source', cidr: '10.0.0.0/8', invert: true }], DROP)],
  ['! -i cni0 -j ACCEPT', rule([{ kind: 'in-interface', name: 'cni0', invert: true }], ACCEPT)],
  ['-m statistic --mode random --probability 0.33333333349 -j RETURN', rule([oneIn(3)], RETURN)],
  ['-m statistic --mode random --probability 0.00142857153 -j RETURN', rule([oneIn(700)], RETURN)],
  [
    '-m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-A --mask 255.255.255.255 --rsource -j RETURN',
    rule([{ kind: 'recent', name: 'KUBE-SEP-A', operation: 'rcheck', seconds: 10800, reap: true }], RETURN),
  ],
  [
    '-p tcp -m recent --set --name KUBE-SEP-A --mask 255.255.255.255 --rsource -j DNAT --to-destination 10.1.2.3:8080',
    rule([tcp, { kind: 'recent', name: 'KUBE-SEP-A', operation: 'set' }], {
      kind: 'dnat',
      address: '10.1.2.3',
      port: 8080,
    }),
  ],
  [
    '! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    rule(
      [
        { kind: 'destination', cidr: '127.0.0.0/8', invert: true },
        { kind: 'address-type', side: 'destination', type: 'LOCAL' },
      ],
      jump('KUBE-NODEPORTS'),
    ),
  ],
  [
    '-m mark ! --mark 0x4000/0x4000 -j RETURN',
    rule([{ kind: 'mark', value: 0x4000, mask: 0x4000, invert: true }], RETURN),
  ],
  ['-j MARK --set-xmark 0x4000/0x0', rule([], { kind: 'mark', value: 0x4000, mask: 0 })],
  [
    '-j MARK --set-xmark 0x80000000/0x80000000',
    rule([], { kind: 'mark', value: 0x80000000, mask: 0x80000000 }),
  ],
  ['-j MASQUERADE --random-fully', rule([], { kind: 'masquerade', randomFully: true })],
  ['-m comment --comment "no target rule"', rule([{ kind: 'comment', text: 'no target rule' }], NO_TARGET)],
  ['-d 10.0.0.0/9 -g Y', rule([{ kind: 'destination', cidr: '10.0.0.0/9' }], goTo('Y'))],
  [
    '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
    rule(
      [
        { kind: 'source', cidr: '127.0.0.0/8', invert: true },
        { kind: 'destination', cidr: '127.0.0.0/8' },
        { kind: 'conntrack-state', states: ['DNAT', 'RELATED', 'ESTABLISHED'], invert: true },
      ],
      DROP,
    ),
  ],
  ['-p tcp -m tcp --dport 1 -j REJECT --reject-with icmp-port-unreachable', rule([tcp, tcpPort(1)], REJECT)],
  [
    '-m physdev ! --physdev-is-in -j ACCEPT',
    rule([{ kind: 'bridge-port', flag: 'is-in', invert: true }], ACCEPT),
  ],
  [
    '-m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT',
    rule([{ kind: 'ip-set', name: 'KUBE-CLUSTER-IP', directions: ['dst', 'dst'] }], ACCEPT),
  ],
  [
    '-p udp -m udp --dport 30000:30010 -j RETURN',
    rule(
      [
        { kind: 'protocol', protocol: 'udp' },
        { kind: 'ports', protocol: 'udp', source: null, destination: { first: 30000, last: 30010 } },
      ],
      RETURN,
    ),
  ],
  [
    '-m comment --comment "it\\\'s \\"quoted\\" \\\\ back" -j RETURN',
    rule([{ kind: 'comment', text: 'it\'s "quoted" \\ back' }], RETURN),
  ],
];

const IPV6: readonly (readonly [string, Rule])[] = [
  [
    '-p tcp -m recent --set --name K --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource -j DNAT --to-destination [fd00::5]:8080',
    rule([tcp, { kind: 'recent', name: 'K', operation: 'set' }], {
      kind: 'dnat',
      address: 'fd00::5',
      port: 8080,
    }),
  ],
  ['-p tcp -m tcp --dport 1 -j REJECT --reject-with icmp6-port-unreachable', rule([tcp, tcpPort(1)], REJECT)],
];

describe('encodeRule', () => {
  it.each(IPV4)('writes what iptables-save prints: %s', (text, typed) => {
    expect(encodeRule(typed, 'IPv4')).toBe(text);
  });
  it.each(IPV6)('writes what ip6tables-save prints: %s', (text, typed) => {
    expect(encodeRule(typed, 'IPv6')).toBe(text);
  });
  it('leaves out a match for every address, as the kernel does', () => {
    expect(encodeRule(rule([{ kind: 'destination', cidr: '0.0.0.0/0' }], goTo('Y')), 'IPv4')).toBe('-g Y');
  });
});

describe('parseRule', () => {
  it.each([...IPV4, ...IPV6])('reads what iptables-save prints: %s', (text) => {
    const family = text.includes('ffff:') || text.includes('icmp6') ? 'IPv6' : 'IPv4';
    const parsed = parseRule(text);
    expect(parsed.kind).toBe('rule');
    expect(encodeRule(parsed, family)).toBe(text);
  });

  it.each([
    '-p tcp -m multiport --dports 1,2 -j LOG',
    '-j LOG --log-prefix "x y"',
    '-m statistic --mode nth --every 3 --packet 0 -j RETURN',
    '-m recent --update --hitcount 3 --name x --mask 255.255.255.255 --rsource -j DROP',
    '-m recent --set --name x --mask 255.255.255.0 --rsource',
    '-j DNAT --to-destination 10.0.0.1-10.0.0.9',
    '-j REJECT --reject-with tcp-reset',
    '-m comment --comment "no end',
    '-j SNAT',
  ])('keeps text without a type unchanged: %s', (text) => {
    expect(parseRule(text)).toEqual({ kind: 'opaque', text });
  });

  it.each([
    [
      'as other versions print a mark',
      '-j MARK --set-xmark 0x00004000/0x00004000',
      '-j MARK --set-xmark 0x4000/0x4000',
    ],
    [
      'with a probability of ten decimals',
      '-m statistic --mode random --probability 0.3333333333 -j RETURN',
      '-m statistic --mode random --probability 0.33333333349 -j RETURN',
    ],
    ['with a bare address', '-d 10.0.0.1 -j DROP', '-d 10.0.0.1/32 -j DROP'],
    ['with a short name of the answer', '-j REJECT', '-j REJECT --reject-with icmp-port-unreachable'],
    [
      'with a match that adds nothing',
      '-p tcp -m tcp -j DNAT --to-destination 10.0.0.1:80',
      '-p tcp -j DNAT --to-destination 10.0.0.1:80',
    ],
    ['by the old name of a match', '-m state --state NEW -j DROP', '-m conntrack --ctstate NEW -j DROP'],
  ])('parses a rule %s', (_, text, canonical) => {
    expect(canonicalText(text, 'IPv4')).toBe(canonical);
  });
});

const invert = fc.constantFrom({}, { invert: true as const });
const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/);
const cidr = fc
  .tuple(fc.ipV4(), fc.integer({ min: 1, max: 32 }))
  .map(([address, length]) => `${address}/${length}`);
const anyMatch: fc.Arbitrary<Match> = fc.oneof(
  fc.tuple(cidr, invert).map(([text, not]) => ({ kind: 'source' as const, cidr: text, ...not })),
  fc.tuple(word, invert).map(([name, not]) => ({ kind: 'out-interface' as const, name, ...not })),
  fc.integer({ min: 1, max: 5000 }).map(oneIn),
  fc
    .string({ minLength: 1, maxLength: 60 })
    .map((text) => ({ kind: 'comment' as const, text: text.replaceAll(/[\n\r]/g, ' ') })),
  fc
    .tuple(fc.subarray([...CONNTRACK_STATES], { minLength: 1 }), invert)
    .map(([states, not]) => ({ kind: 'conntrack-state' as const, states, ...not })),
  fc
    .tuple(fc.integer({ min: 0, max: 0xffffffff }), invert)
    .map(([mark, not]) => ({ kind: 'mark' as const, value: mark, mask: mark, ...not })),
  fc.record({
    kind: fc.constant('ipvs' as const),
    vproto: fc.constantFrom(6, 17),
    vaddr: cidr,
    vport: fc.integer({ min: 1, max: 65535 }),
  }),
);
const anyTarget: fc.Arbitrary<Target> = fc.oneof(
  fc.constantFrom(ACCEPT, DROP, RETURN, REJECT, NO_TARGET),
  word.map((name) => jump(`KUBE-${name}`)),
  fc
    .tuple(fc.ipV4(), fc.integer({ min: 1, max: 65535 }))
    .map(([address, port]) => ({ kind: 'dnat' as const, address, port })),
);

describe('text of rules', () => {
  it('is parsed to the same meaning, for every rule', () => {
    const distinct = fc.uniqueArray(anyMatch, { selector: (match) => match.kind, maxLength: 5 });
    fc.assert(
      fc.property(distinct, anyTarget, (matches, target) => {
        const text = encodeRule(rule(matches, target), 'IPv4');
        const parsed = parseRule(text);
        expect(parsed.kind, text).toBe('rule');
        expect(encodeRule(parsed, 'IPv4')).toBe(text);
      }),
    );
  });
});

/**
 * The fixed rules around IPVS. They match sets and never name a Service.
 *
 * Where they stand follows from where IPVS stands (Linux 6.1): it takes packets at the end of LOCAL_IN, behind
 * filter INPUT, and in LOCAL_OUT between nat and filter. What must not reach it is therefore dropped in mangle,
 * which both kinds of packets pass while they still have the service address as destination. What external clients must
 * get an error for is rejected in filter INPUT: mangle cannot reject. A packet that IPVS sends on passes OUTPUT once more,
 * and POSTROUTING, with the endpoint as destination; never FORWARD.
 */
import {
  ACCEPT,
  DROP,
  goTo,
  jump,
  REJECT,
  RETURN,
  rule,
  type Chain,
  type Match,
  type SharedRule,
  type TypedRule,
} from '@signalbox/iptables';
import { PROTOCOLS, type Family, type LocalDetector } from '@signalbox/core';
import type { PacketFilter, ObsoleteRules } from '../objects/packet-filter.ts';
import * as names from './names.ts';
import { setName, type SetId } from './names.ts';
import type { ClusterMasquerade } from './masquerade.ts';

export interface PacketFilterOptions {
  readonly family: Family;
  readonly detector: LocalDetector;
  readonly clusterMasquerade: ClusterMasquerade;
  /** 0-31. */
  readonly masqueradeBit: number;
  /** Whether the tools know `--random-fully` (iptables 1.6.2). */
  readonly randomFully: boolean;
}

type Table = Chain['table'];

const FROM_NODE: Match = { kind: 'address-type', side: 'source', type: 'LOCAL' };
const NEW: Match = { kind: 'conntrack-state', states: ['NEW'] };

export function compilePacketFilter(options: PacketFilterOptions): PacketFilter {
  return {
    chains: [...mangleChains(options), ...natChains(options), ...filterChains(options)],
    jumps: JUMPS,
    obsolete: { chains: OBSOLETE_CHAINS, jumps: OBSOLETE_JUMPS },
  };
}

function mangleChains({ family, detector }: PacketFilterOptions): readonly Chain[] {
  const set = matcher(family);
  return [
    chain('mangle', names.PROXY_FIREWALL, [
      rule(
        [set('LOAD-BALANCER-FW', 'dst', 'dst'), set('EXTERNAL-IP-LOCAL', 'dst', 'dst')],
        jump(names.DROP_EXTERNAL),
      ),
      rule([set('LOAD-BALANCER-FW', 'dst', 'dst')], jump(names.SOURCE_RANGES_FIREWALL)),
    ]),
    chain('mangle', names.SOURCE_RANGES_FIREWALL, [
      rule([set('LOAD-BALANCER-SOURCE-CIDR', 'dst', 'dst', 'src')], RETURN),
      rule([set('LOAD-BALANCER-SOURCE-IP', 'dst', 'dst', 'src')], RETURN),
      rule([], DROP),
    ]),
    chain('mangle', names.DROP_EXTERNAL, [
      ...returnLocalPods(detector),
      rule([FROM_NODE], RETURN),
      rule([rejects(set)], RETURN),
      rule([], DROP),
    ]),
  ];
}

function natChains(options: PacketFilterOptions): readonly Chain[] {
  const { family, detector } = options;
  const bit = markOf(options.masqueradeBit);
  const set = matcher(family);
  return [
    chain('nat', names.SERVICES, serviceRules(options)),
    chain('nat', names.LOAD_BALANCER, [
      rule([set('LOAD-BALANCER-LOCAL', 'dst', 'dst')], goTo(names.MARK_MASQ_NODE)),
      rule([], jump(names.MARK_MASQ)),
    ]),
    chain(
      'nat',
      names.NODE_PORT,
      PROTOCOLS.flatMap((protocol) => nodePortRules(family, protocol)),
    ),
    chain('nat', names.MARK_NON_POD, [...returnLocalPods(detector), rule([], jump(names.MARK_MASQ))]),
    chain('nat', names.MARK_MASQ_NODE, [
      ...returnLocalPods(detector),
      rule([FROM_NODE], jump(names.MARK_MASQ)),
    ]),
    chain('nat', names.MARK_MASQ, [rule([], { kind: 'mark', value: bit, mask: bit })]),
    chain('nat', names.POSTROUTING, [
      rule([set('LOOP-BACK', 'dst', 'dst', 'src')], { kind: 'masquerade', randomFully: false }),
      rule([{ kind: 'mark', value: bit, mask: bit, invert: true }], RETURN),
      // The mark goes before the packet may be wrapped into a tunnel and pass here again (S38).
      rule([], { kind: 'mark', value: bit, mask: 0 }),
      rule([], { kind: 'masquerade', randomFully: options.randomFully }),
    ]),
  ];
}

function serviceRules({ family, clusterMasquerade }: PacketFilterOptions): readonly TypedRule[] {
  const set = matcher(family);
  const accept = (id: SetId): TypedRule => rule([set(id, 'dst', 'dst')], ACCEPT);
  return [
    rule([{ kind: 'source', cidr: family === 'IPv4' ? '127.0.0.0/8' : '::1/128' }], RETURN),
    rule([set('LOAD-BALANCER', 'dst', 'dst')], jump(names.LOAD_BALANCER)),
    clusterRule(set, clusterMasquerade),
    rule([set('EXTERNAL-IP', 'dst', 'dst')], jump(names.MARK_MASQ)),
    rule([set('EXTERNAL-IP-LOCAL', 'dst', 'dst')], jump(names.MARK_MASQ_NODE)),
    // Service addresses are local: without these the later rules of host ports would match their packets.
    accept('CLUSTER-IP'),
    accept('LOAD-BALANCER'),
    accept('EXTERNAL-IP'),
    accept('EXTERNAL-IP-LOCAL'),
    rule([{ kind: 'address-type', side: 'destination', type: 'LOCAL' }], jump(names.NODE_PORT)),
  ];
}

function clusterRule(set: SetMatcher, who: ClusterMasquerade): TypedRule {
  switch (who) {
    case 'all':
      return rule([set('CLUSTER-IP', 'dst', 'dst')], jump(names.MARK_MASQ));
    case 'not-local-pods':
      return rule([set('CLUSTER-IP', 'dst', 'dst')], jump(names.MARK_NON_POD));
    case 'service-addresses':
      return rule([set('CLUSTER-IP', 'src', 'dst')], jump(names.MARK_MASQ));
  }
}

function nodePortRules(family: Family, protocol: (typeof PROTOCOLS)[number]): readonly TypedRule[] {
  const set = matcher(family);
  const transport: Match = { kind: 'protocol', protocol: protocol.toLowerCase() };
  if (protocol === 'SCTP') {
    return [
      rule([transport, set('NODE-PORT-LOCAL-SCTP-HASH', 'dst', 'dst')], goTo(names.MARK_MASQ_NODE)),
      rule([transport, set('NODE-PORT-SCTP-HASH', 'dst', 'dst')], jump(names.MARK_MASQ)),
    ];
  }
  return [
    rule([transport, set(`NODE-PORT-LOCAL-${protocol}`, 'dst')], goTo(names.MARK_MASQ_NODE)),
    rule([transport, set(`NODE-PORT-${protocol}`, 'dst')], jump(names.MARK_MASQ)),
  ];
}

function filterChains({ family, detector, masqueradeBit }: PacketFilterOptions): readonly Chain[] {
  const bit = markOf(masqueradeBit);
  const set = matcher(family);
  const back = (...matches: Match[]): TypedRule => rule(matches, RETURN);
  const tcp: Match = { kind: 'protocol', protocol: 'tcp' };
  return [
    chain('filter', names.FORWARD, [
      rule([{ kind: 'mark', value: bit, mask: bit }], ACCEPT),
      rule([{ kind: 'conntrack-state', states: ['RELATED', 'ESTABLISHED'] }], ACCEPT),
    ]),
    chain('filter', names.NODE_PORT, [rule([tcp, set('HEALTH-CHECK-NODE-PORT', 'dst')], ACCEPT)]),
    // Every process of the host that listens on all addresses listens on the bound ones too.
    chain('filter', names.IPVS_FILTER, [
      back({ kind: 'protocol', protocol: family === 'IPv4' ? 'icmp' : 'ipv6-icmp' }),
      rule(
        [NEW, set('LOAD-BALANCER-FW', 'dst', 'dst'), set('EXTERNAL-IP-LOCAL', 'dst', 'dst'), rejects(set)],
        jump(names.REJECT_EXTERNAL),
      ),
      back(set('LOAD-BALANCER', 'dst', 'dst')),
      back(set('CLUSTER-IP', 'dst', 'dst')),
      back(set('EXTERNAL-IP', 'dst', 'dst')),
      back(set('EXTERNAL-IP-LOCAL', 'dst', 'dst')),
      back(tcp, set('HEALTH-CHECK-NODE-PORT', 'dst')),
      rule([NEW, set('IPVS-IPS', 'dst')], REJECT),
    ]),
    chain('filter', names.REJECT_EXTERNAL, [
      ...returnLocalPods(detector),
      rule([FROM_NODE], RETURN),
      rule([], REJECT),
    ]),
  ];
}

/** Returns packets that a pod of this node sent; no rule where pods cannot be detected. */
function returnLocalPods(detector: LocalDetector): readonly TypedRule[] {
  switch (detector.kind) {
    case 'none':
      return [];
    case 'cidrs':
      return detector.cidrs.map((cidr) => rule([{ kind: 'source', cidr }], RETURN));
    case 'interface':
      return [rule([{ kind: 'in-interface', name: detector.name }], RETURN)];
    case 'interface-prefix':
      return [rule([{ kind: 'in-interface', name: `${detector.prefix}+` }], RETURN)];
  }
}

const JUMPS: readonly SharedRule[] = [
  jumpFrom('mangle', 'PREROUTING', names.PROXY_FIREWALL, 'kubernetes load balancer firewall', NEW),
  jumpFrom('mangle', 'OUTPUT', names.PROXY_FIREWALL, 'kubernetes load balancer firewall', NEW),
  jumpFrom('nat', 'PREROUTING', names.SERVICES, 'kubernetes service portals'),
  jumpFrom('nat', 'OUTPUT', names.SERVICES, 'kubernetes service portals'),
  jumpFrom('nat', 'POSTROUTING', names.POSTROUTING, 'kubernetes postrouting rules'),
  jumpFrom('filter', 'FORWARD', names.FORWARD, 'kubernetes forwarding rules'),
  jumpFrom('filter', 'INPUT', names.IPVS_FILTER, 'kubernetes ipvs access filter'),
  jumpFrom('filter', 'INPUT', names.NODE_PORT, 'kubernetes health check rules'),
];

/** Jumps that kube-proxy's ipvs mode adds and this one does not. */
const OBSOLETE_JUMPS: readonly SharedRule[] = [
  jumpFrom('filter', 'INPUT', names.PROXY_FIREWALL, 'kube-proxy firewall rules'),
  jumpFrom('filter', 'FORWARD', names.PROXY_FIREWALL, 'kube-proxy firewall rules'),
  jumpFrom('filter', 'OUTPUT', names.IPVS_OUT_FILTER, 'kubernetes ipvs access filter'),
];

/** Chains that kube-proxy's ipvs mode or earlier versions of Signalbox made and this one does not. */
const OBSOLETE_CHAINS: ObsoleteRules['chains'] = [
  { table: 'filter', name: names.PROXY_FIREWALL },
  { table: 'filter', name: names.SOURCE_RANGES_FIREWALL },
  { table: 'filter', name: names.IPVS_OUT_FILTER },
  { table: 'mangle', name: names.OLD_DROP_EXTERNAL },
  { table: 'nat', name: names.OLD_MARK_NON_POD },
];

/** Names of chains, and jumps, are the same on every node. */
export const ANY_NODE: Omit<PacketFilterOptions, 'family'> = {
  detector: { kind: 'none' },
  clusterMasquerade: 'all',
  masqueradeBit: 0,
  randomFully: false,
};

/** What `cleanup` removes: the packet filter of this mode, and what kube-proxy's ipvs mode or earlier versions left. */
export function obsoleteRules(family: Family): ObsoleteRules {
  const owned = compilePacketFilter({ ...ANY_NODE, family });
  return {
    chains: [...owned.chains.map(({ table, name }) => ({ table, name })), ...OBSOLETE_CHAINS],
    jumps: [...JUMPS, ...OBSOLETE_JUMPS],
  };
}

function jumpFrom(
  table: Table,
  hook: string,
  target: string,
  ...[comment, ...matches]: [string, ...Match[]]
): SharedRule {
  return {
    table,
    chain: hook,
    rule: rule([...matches, { kind: 'comment', text: comment }], jump(target)),
  };
}

/** Of the frontends that drop packets of external clients: those that reject them. */
function rejects(set: SetMatcher): Match {
  return set('LOOP-BACK', 'dst', 'dst', 'dst');
}

type SetMatcher = (id: SetId, ...directions: ('src' | 'dst')[]) => Match;

function matcher(family: Family): SetMatcher {
  return (id, ...directions) => ({ kind: 'ip-set', name: setName(family, id), directions });
}

function chain(table: Table, name: string, rules: readonly TypedRule[]): Chain {
  return { table, name, rules };
}

/** Unsigned, also for bit 31. */
function markOf(bit: number): number {
  return 2 ** bit;
}

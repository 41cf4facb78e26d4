/** Base chains and stock chains: those of kube-proxy's nftables mode, by name, hook and priority. */
import type { BaseChain } from '@signalbox/netlink';
import { type Chain, SET } from '../objects/ruleset.ts';
import { DROP, type Field, jump, type Match, rule, type Rule } from '../objects/rule.ts';
import type { CompileContext } from './context.ts';
import { preparedPickChains } from './load-balancing.ts';
import { clusterIPMasqueradeRules, masqueradingChain } from './masquerade.ts';
import { CHAIN } from './names.ts';
import { loopbackRejection, toNodePortAddress } from './node-ports.ts';
import { FIREWALL_RANGES } from './source-ranges.ts';

const NEW: readonly Match[] = [{ kind: 'ct-new' }];
const SERVICE_KEY: readonly Field[] = ['daddr', 'l4proto', 'dport'];
const PORT_KEY: readonly Field[] = ['l4proto', 'dport'];

/** Rejecting is possible in input, forward and output only (kernels before 5.9), hence behind the translation. */
const BASE_CHAINS: readonly Chain[] = [
  baseChain(CHAIN.filterPrerouting, 'filter', 'prerouting', -110, newTo(CHAIN.firewallCheck)),
  baseChain(CHAIN.filterOutputPreDNAT, 'filter', 'output', -110, newTo(CHAIN.firewallCheck)),
  baseChain(CHAIN.filterInput, 'filter', 'input', 0, [
    ...newTo(CHAIN.nodePortEndpointsCheck),
    ...newTo(CHAIN.serviceEndpointsCheck),
  ]),
  baseChain(CHAIN.filterForward, 'filter', 'forward', 0, [
    ...newTo(CHAIN.serviceEndpointsCheck),
    ...newTo(CHAIN.clusterIPsCheck),
  ]),
  baseChain(CHAIN.filterOutput, 'filter', 'output', 0, [
    ...newTo(CHAIN.serviceEndpointsCheck),
    ...newTo(CHAIN.clusterIPsCheck),
  ]),
  baseChain(CHAIN.natPrerouting, 'nat', 'prerouting', -100, [rule([], jump(CHAIN.services))]),
  baseChain(CHAIN.natOutput, 'nat', 'output', -100, [rule([], jump(CHAIN.services))]),
  baseChain(CHAIN.natPostrouting, 'nat', 'postrouting', 100, [rule([], jump(CHAIN.masquerading))]),
];

// eslint-disable-next-line max-params -- a row of a table
function baseChain(
  name: string,
  type: BaseChain['type'],
  hook: BaseChain['hook'],
  priority: number,
  rules: readonly Rule[],
): Chain {
  return { name, base: { type, hook, priority }, rules };
}

function newTo(chain: string): readonly Rule[] {
  return [rule(NEW, jump(chain))];
}

/** Every chain that is there without any service. */
export function fixedChains(context: CompileContext): readonly Chain[] {
  return [
    servicesChain(context),
    { name: CHAIN.firewallCheck, rules: [verdictMap([], SERVICE_KEY, SET.firewallIPs)] },
    ...(context.capabilities.concatenatedIntervals ? [FIREWALL_RANGES] : []),
    { name: CHAIN.serviceEndpointsCheck, rules: [verdictMap([], SERVICE_KEY, SET.noEndpointServices)] },
    nodePortEndpointsCheck(context),
    clusterIPsCheck(context),
    rejectChain(context),
    masqueradingChain(context),
    ...preparedPickChains(),
    ...BASE_CHAINS,
  ];
}

function verdictMap(matches: readonly Match[], key: readonly Field[], map: string): Rule {
  return rule(matches, { kind: 'verdict-map', key, map });
}

function servicesChain(context: CompileContext): Chain {
  const toNode = toNodePortAddress(context);
  return {
    name: CHAIN.services,
    rules: [
      ...clusterIPMasqueradeRules(context),
      verdictMap([], SERVICE_KEY, SET.serviceIPs),
      ...(toNode === null ? [] : [verdictMap(toNode, PORT_KEY, SET.serviceNodePorts)]),
    ],
  };
}

function nodePortEndpointsCheck(context: CompileContext): Chain {
  const toNode = toNodePortAddress(context);
  const rules = toNode === null ? [] : [verdictMap(toNode, PORT_KEY, SET.noEndpointNodePorts)];
  return { name: CHAIN.nodePortEndpointsCheck, rules: [...rules, ...loopbackRejection(context)] };
}

/** S43 in this mode: ports that a ClusterIP has not are rejected, addresses that no Service has are dropped. */
function clusterIPsCheck({ node }: CompileContext): Chain {
  const toClusterIP: Match = { kind: 'in-set', key: ['daddr'], set: SET.clusterIPs };
  const reject = rule([toClusterIP], { kind: 'reject' });
  const drops = node.serviceCIDRs.map((cidr): Rule => {
    const dropped = rule([{ kind: 'address', field: 'daddr', cidr }], DROP);
    return { ...dropped, comment: 'Drop traffic to unallocated ClusterIPs' };
  });
  return {
    name: CHAIN.clusterIPsCheck,
    rules: [{ ...reject, comment: 'Reject traffic to invalid ports of ClusterIPs' }, ...drops],
  };
}

/**
 * An ICMPv6 error does not end a TCP connection attempt of this node itself before its first retransmission: a reset does.
 */
function rejectChain({ family }: CompileContext): Chain {
  const reset = rule([{ kind: 'protocol', protocol: 'tcp' }], { kind: 'reject', tcpReset: true });
  const unreachable = rule([], { kind: 'reject' });
  return { name: CHAIN.reject, rules: family === 'IPv6' ? [reset, unreachable] : [unreachable] };
}

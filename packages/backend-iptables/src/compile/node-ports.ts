import type { DesiredNode, DesiredServicePort, Family, NodePortFrontend } from '@signalbox/core';
import { overlapsLoopback, parseCidr, servicePortLabel } from '@signalbox/core';
import { DROP, jump, type Match, RETURN, rule, type SharedRule, type TypedRule } from '@signalbox/iptables';
import { SHARED_FIREWALL } from './names.ts';
import { ACCOUNTING_OBJECTS, type CompileContext } from './context.ts';
import { comment, LOOPBACK, TO_NODE, toPort } from './frontend-match.ts';

/**
 * Node ports on 127.0.0.0/8 (S40) need `net.ipv4.conf.all.route_localnet=1`; without it the kernel drops such packets as
 * martians. The caller sets it; `localnetGuard` drops the packets from other hosts that it would admit.
 */
export const LOCALHOST_NODE_PORTS_SYSCTL = { path: 'net/ipv4/conf/all/route_localnet', value: '1' } as const;

/** Whether node ports accept connections to 127.0.0.0/8: IPv4 only, and only if `nodePortAddresses.loopback` is set. */
export function servesLocalhost(node: DesiredNode, family: Family): boolean {
  return family === 'IPv4' && node.nodePortAddresses.loopback;
}

/** Rules that lead packets for the addresses that accept node ports (S41) to `chain`. They are the last of their chain. */
export function nodePortGates(
  node: DesiredNode,
  family: Family,
  chain: string,
  words: string,
): readonly TypedRule[] {
  const { nodePortAddresses } = node;
  const loopback = LOOPBACK[family];
  const to = (matches: readonly Match[]): TypedRule =>
    rule([...matches, comment(words), TO_NODE], jump(chain));
  if (nodePortAddresses.kind === 'any-local') {
    if (nodePortAddresses.loopback) return [to([])];
    return [to([{ kind: 'destination', cidr: loopback, invert: true }])];
  }
  const gates = nodePortAddresses.cidrs.map((cidr) => to([{ kind: 'destination', cidr }]));
  if (nodePortAddresses.loopback || !nodePortAddresses.cidrs.some(holdsLoopback)) return gates;
  return [
    rule([{ kind: 'destination', cidr: loopback }, comment('no node ports on loopback')], RETURN),
    ...gates,
  ];
}

function holdsLoopback(text: string): boolean {
  const cidr = parseCidr(text);
  return cidr !== null && overlapsLoopback(cidr);
}

/** In KUBE-NODEPORTS: from the port to the service. */
export function nodePortRules(
  service: DesiredServicePort,
  frontend: NodePortFrontend,
  entry: string,
  { family, node, options }: CompileContext,
): readonly TypedRule[] {
  const to = toPort(service.name.protocol, frontend.port, servicePortLabel(service.name));
  const plain = rule(to, jump(entry));
  if (!options.accounting || !servesLocalhost(node, family)) return [plain];
  const counted: Match = { kind: 'accounting', name: ACCOUNTING_OBJECTS.localhostNodePorts };
  return [rule([{ kind: 'destination', cidr: LOOPBACK[family] }, ...to, counted], jump(entry)), plain];
}

/** With route_localnet, neighbours could reach services on the node's 127.0.0.1; this rule prevents it (CVE-2020-8558). */
export function localnetGuard(node: DesiredNode, family: Family): readonly SharedRule[] {
  if (!servesLocalhost(node, family)) return [];
  const guard = rule(
    [
      { kind: 'source', cidr: LOOPBACK[family], invert: true },
      { kind: 'destination', cidr: LOOPBACK[family] },
      comment('block incoming localnet connections'),
      { kind: 'conntrack-state', states: ['RELATED', 'ESTABLISHED', 'DNAT'], invert: true },
    ],
    DROP,
  );
  const into = (chain: string): SharedRule => ({
    table: 'filter',
    chain,
    rule: rule([], jump(SHARED_FIREWALL)),
  });
  return [{ table: 'filter', chain: SHARED_FIREWALL, rule: guard }, into('INPUT'), into('OUTPUT')];
}

import type { DesiredNode, DesiredServicePort, Family, Frontend, NodePortAddresses } from '@signalbox/core';
import { type Element, SET } from '../objects/ruleset.ts';
import { goto, type Match, rule, type Rule } from '../objects/rule.ts';
import type { CompileContext } from './context.ts';
import { frontendKey } from './frontend-key.ts';
import { CHAIN } from './names.ts';

const LOOPBACK: Readonly<Record<Family, string>> = { IPv4: '127.0.0.0/8', IPv6: '::1/128' };

/** S19, S40, S41: whether a packet goes to an address of this node on which node ports are served. `null`: on none. */
export function toNodePortAddress({ family, node }: CompileContext): readonly Match[] | null {
  const allowed = node.nodePortAddresses;
  if (isOff(allowed)) return null;
  if (allowed.kind === 'ranges') return [{ kind: 'in-set', key: ['daddr'], set: SET.nodePortIPs }];
  const local: Match = { kind: 'local-address', field: 'daddr' };
  if (allowed.loopback) return [local];
  return [local, { kind: 'address', field: 'daddr', cidr: LOOPBACK[family], inverted: true }];
}

function isOff(allowed: NodePortAddresses): boolean {
  return allowed.kind === 'ranges' && allowed.cidrs.length === 0;
}

/** Elements of `nodeport-ips`, where node ports are restricted to some addresses. */
export function nodePortIPElements({ nodePortAddresses, nodePortIPs }: DesiredNode): readonly Element[] {
  if (nodePortAddresses.kind === 'any-local') return [];
  return nodePortIPs.map((key) => ({ set: SET.nodePortIPs, key, data: '' }));
}

/** S40: sockets serve TCP only. */
export function loopbackRejection({ family, node }: CompileContext): readonly Rule[] {
  if (node.loopbackSockets !== true) return [];
  const toLoopback: Match = { kind: 'address', field: 'daddr', cidr: LOOPBACK[family] };
  const toNodePort: Match = { kind: 'in-set', key: ['l4proto', 'dport'], set: SET.loopbackNodePorts };
  return [rule([toLoopback, toNodePort], goto(CHAIN.reject))];
}

export function loopbackElements(
  { name }: Pick<DesiredServicePort, 'name'>,
  frontend: Frontend,
  { node }: CompileContext,
): readonly Element[] {
  if (node.loopbackSockets !== true || frontend.kind !== 'node-port' || name.protocol === 'TCP') return [];
  return [{ set: SET.loopbackNodePorts, key: frontendKey(frontend, name), data: '' }];
}

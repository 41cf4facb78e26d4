import { type DesiredEndpoint, mayReachItself } from '@signalbox/core';
import { type Chain, jump, type Match, rule, type TypedRule } from '@signalbox/iptables';
import { hostCidr } from './frontend-match.ts';
import { MARK_MASQUERADE } from './names.ts';

/**
 * The rules of an endpoint's chain: the connection of a pod to itself is masqueraded, or the pod would reply to itself directly
 * (S37). kube-proxy's chains have the rule also for endpoints that cannot connect to themselves on this node:
 * decisions/0009-fewer-rules.md.
 */
export function withHairpin(
  endpoint: DesiredEndpoint,
  label: readonly Match[],
  redirect: TypedRule,
): Pick<Chain, 'rules' | 'tolerated'> {
  const itself: Match = { kind: 'source', cidr: hostCidr(endpoint.address) };
  const hairpin = rule([itself, ...label], jump(MARK_MASQUERADE));
  return mayReachItself(endpoint)
    ? { rules: [hairpin, redirect] }
    : { rules: [redirect], tolerated: hairpin };
}

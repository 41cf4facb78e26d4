import { type DesiredEndpoint, mayReachItself } from '@signalbox/core';
import { type Chain, jump, type Match, rule, type TypedRule } from '@signalbox/iptables';
import { hostCidr } from './frontend-match.ts';
import { MARK_MASQUERADE } from './names.ts';

/**
 * The rules of an endpoint's chain: a pod that reaches itself is masqueraded, else it would answer itself (S37). Of endpoints
 * that cannot do so here, kube-proxy's chains have the rule too: decisions/0009-fewer-rules.md.
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

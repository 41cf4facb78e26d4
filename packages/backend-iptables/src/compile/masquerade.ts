import type { DesiredServicePort, LocalDetector, Route } from '@signalbox/core';
import { servicePortLabel } from '@signalbox/core';
import { type Chain, jump, type Match, RETURN, rule, type TypedRule } from '@signalbox/iptables';
import { MARK_MASQUERADE, MARK_NON_POD, POSTROUTING } from './names.ts';
import type { CompileContext } from './context.ts';
import { comment, toFrontend } from './frontend-match.ts';

/** Matches packets that a pod of this node sent: one match per alternative. */
export function fromLocalPod(detector: LocalDetector): readonly Match[] {
  switch (detector.kind) {
    case 'none':
      return [];
    case 'cidrs':
      return detector.cidrs.map((cidr) => ({ kind: 'source', cidr }));
    case 'interface':
      return [{ kind: 'in-interface', name: detector.name }];
    case 'interface-prefix':
      return [{ kind: 'in-interface', name: `${detector.prefix}+` }];
  }
}

/**
 * Which connections to a cluster IP are masqueraded, if the routes differ in nothing else (S35).
 * `null`: the routes differ in more, and need a chain of their own.
 */
export function clusterMasquerade(routes: readonly Route[]): 'never' | 'always' | 'non-pods' | null {
  const [first, second] = routes;
  if (first === undefined || routes.some((route) => route.target !== first.target)) return null;
  if (routes.every((route) => !route.masquerade)) return 'never';
  if (routes.every((route) => route.masquerade)) return 'always';
  const plain = routes.length === 2 && first.source === 'local-pods' && second?.source === 'any';
  return plain && !first.masquerade ? 'non-pods' : null;
}

/** Rules at the head of a service's chain that mark packets to its cluster IPs. */
export function clusterMasqueradeRules(
  service: DesiredServicePort,
  target: Route['target'],
  { node }: CompileContext,
): readonly TypedRule[] {
  const { name } = service;
  const rules: TypedRule[] = [];
  for (const frontend of service.frontends) {
    if (frontend.kind !== 'cluster-ip' || frontend.routes[0]?.target !== target) continue;
    const which = clusterMasquerade(frontend.routes);
    if (which === null || which === 'never') continue;
    const words = `${servicePortLabel(name)} cluster IP`;
    const to = toFrontend(frontend.address, name.protocol, frontend.port, words);
    const pods = which === 'non-pods' ? fromLocalPod(node.localDetector) : [];
    rules.push(markRule(to, pods));
  }
  return rules;
}

function markRule(to: readonly Match[], pods: readonly Match[]): TypedRule {
  const [only] = pods;
  if (only === undefined) return rule(to, jump(MARK_MASQUERADE));
  if (pods.length > 1) return rule(to, jump(MARK_NON_POD));
  return rule([{ ...only, invert: true } as Match, ...to], jump(MARK_MASQUERADE));
}

/** The chains that set the mark, and the chain that masquerades marked packets after routing (S38). */
export function masqueradeChains({ node, options }: CompileContext): readonly Chain[] {
  const mark = options.masqueradeMark;
  const pods = fromLocalPod(node.localDetector);
  const nonPod: Chain = {
    table: 'nat',
    name: MARK_NON_POD,
    rules: [...pods.map((match) => rule([match], RETURN)), rule([], jump(MARK_MASQUERADE))],
  };
  const chains: Chain[] = [
    {
      table: 'nat',
      name: MARK_MASQUERADE,
      rules: [rule([], { kind: 'mark', value: mark, mask: mark })],
    },
    {
      table: 'nat',
      name: POSTROUTING,
      rules: [
        rule([{ kind: 'mark', value: mark, mask: mark, invert: true }], RETURN),
        // The mark is cleared: a packet that is encapsulated and sent again must not be masqueraded twice.
        rule([], { kind: 'mark', value: mark, mask: 0 }),
        rule([comment('kubernetes service traffic requiring SNAT')], {
          kind: 'masquerade',
          randomFully: options.randomFully,
        }),
      ],
    },
  ];
  return pods.length > 1 ? [...chains, nonPod] : chains;
}

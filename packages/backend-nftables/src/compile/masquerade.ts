import type { LocalDetector } from '@signalbox/core';
import type { Chain } from '../objects/ruleset.ts';
import { SET } from '../objects/ruleset.ts';
import { type Match, rule, type Rule } from '../objects/rule.ts';
import type { CompileContext } from './context.ts';
import { CHAIN } from './names.ts';

/** `IFNAMSIZ` without the NUL. */
const INTERFACE_NAME_BYTES = 15;

/** Alternatives, each of which holds for packets that a pod of this node sent (S36). */
export function fromLocalPod(detector: LocalDetector): readonly Match[] {
  switch (detector.kind) {
    case 'none':
      return [];
    case 'cidrs':
      return detector.cidrs.map((cidr) => ({ kind: 'address', field: 'saddr', cidr }));
    case 'interface':
      return [{ kind: 'in-interface', name: detector.name }];
    case 'interface-prefix': {
      const { prefix } = detector;
      // The longest prefix is a whole name; nft does not load `name*` of this length.
      const wildcard = Buffer.byteLength(prefix) < INTERFACE_NAME_BYTES ? ({ prefix: true } as const) : {};
      return [{ kind: 'in-interface', name: prefix, ...wildcard }];
    }
  }
}

/** Holds for packets that no pod of this node sent: none of the alternatives. */
function notFromLocalPod(detector: LocalDetector): readonly Match[] {
  return fromLocalPod(detector).map((match) => ({ ...match, inverted: true }) as Match);
}

/** S35: connections to cluster IPs are masqueraded by one rule for all services, ahead of the dispatch. */
export function clusterIPMasqueradeRules({ node, mark }: CompileContext): readonly Rule[] {
  const toClusterIP: Match = { kind: 'in-set', key: ['daddr'], set: SET.clusterIPs };
  const setMark = { kind: 'set-mark', mask: mark } as const;
  switch (node.clusterIPMasquerade) {
    case 'none':
      return [];
    case 'all':
      return [{ ...rule([toClusterIP], setMark), comment: 'masquerade all traffic to ClusterIPs' }];
    case 'not-local-pods': {
      const comment = 'masquerade clusterIP traffic from outside cluster';
      return [{ ...rule([toClusterIP, ...notFromLocalPod(node.localDetector)], setMark), comment }];
    }
  }
}

/** S37, S38: the mark is taken off, or a packet that is encapsulated and sent once more would be masqueraded twice. */
export function masqueradingChain({ mark }: CompileContext): Chain {
  const toItself: Match = { kind: 'in-set', key: ['saddr', 'daddr', 'l4proto', 'dport'], set: SET.hairpin };
  const masquerade = { kind: 'masquerade' } as const;
  return {
    name: CHAIN.masquerading,
    rules: [
      rule([{ kind: 'mark', mask: mark }], { kind: 'flip-mark', mask: mark }, masquerade),
      rule([{ kind: 'ct-dnat' }, toItself], masquerade),
    ],
  };
}

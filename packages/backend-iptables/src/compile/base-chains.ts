import {
  ACCEPT,
  CANARY,
  type Chain,
  type ConntrackState,
  DROP,
  jump,
  type Match,
  rule,
  type SharedRule,
  type TableName,
  TABLES,
  type TypedRule,
} from '@signalbox/iptables';
import { EXTERNAL_SERVICES, FORWARD, NODE_PORTS, POSTROUTING, PROXY_FIREWALL, SERVICES } from './names.ts';
import { ACCOUNTING_OBJECTS, type CompileContext } from './context.ts';
import { comment } from './frontend-match.ts';
import { localnetGuard } from './node-ports.ts';

const NEW: Match = inState('NEW');

function inState(...states: readonly ConntrackState[]): Match {
  return { kind: 'conntrack-state', states };
}

/**
 * Jumps from the kernel's hooks to the chains of the proxy. Each is inserted at the head of its hook, in this order, so the
 * last is evaluated first. Only jumps that kube-proxy has too: it could not remove another one, nor the chain that it leads to.
 */
export const BASE_JUMPS: readonly SharedRule[] = [
  ...jumps('filter', EXTERNAL_SERVICES, {
    state: [NEW],
    words: 'kubernetes externally-visible service portals',
  })('INPUT', 'FORWARD'),
  ...jumps('filter', NODE_PORTS, { words: 'kubernetes health check service ports' })('INPUT'),
  ...jumps('filter', SERVICES, { state: [NEW], words: 'kubernetes service portals' })('FORWARD', 'OUTPUT'),
  ...jumps('filter', FORWARD, { words: 'kubernetes forwarding rules' })('FORWARD'),
  ...jumps('filter', PROXY_FIREWALL, { state: [NEW], words: 'kubernetes load balancer firewall' })(
    'INPUT',
    'OUTPUT',
    'FORWARD',
  ),
  ...jumps('nat', SERVICES, { words: 'kubernetes service portals' })('OUTPUT', 'PREROUTING'),
  ...jumps('nat', POSTROUTING, { words: 'kubernetes postrouting rules' })('POSTROUTING'),
];

/**
 * Last in KUBE-SERVICES of filter, to which OUTPUT jumps, so that connections of the node itself to an external address
 * without endpoints are refused, too.
 */
export const TO_EXTERNAL: TypedRule = rule(
  [comment('kubernetes externally-visible service portals')],
  jump(EXTERNAL_SERVICES),
);

interface JumpWords {
  readonly state?: readonly Match[];
  readonly words: string;
}

/** Jumps to one chain from several hooks. In kube-proxy's order of matches: the state precedes the comment. */
function jumps(table: TableName, chain: string, { state = [], words }: JumpWords) {
  return (...hooks: readonly string[]): readonly SharedRule[] =>
    hooks.map((hook) => ({ table, chain: hook, rule: rule([...state, comment(words)], jump(chain)) }));
}

export function sharedRules({ node, family }: CompileContext): readonly SharedRule[] {
  return [...BASE_JUMPS, ...localnetGuard(node, family)];
}

/** KUBE-FORWARD: accepts the packets that services make the node forward, whatever the policy of FORWARD (S39). */
export function forwardChain({ options }: CompileContext): Chain {
  const mark: Match = { kind: 'mark', value: options.masqueradeMark, mask: options.masqueradeMark };
  const counted: readonly Match[] = options.accounting
    ? [{ kind: 'accounting', name: ACCOUNTING_OBJECTS.invalidDropped }]
    : [];
  // A reply without a conntrack entry would be forwarded untranslated, and the client would reset its connection.
  const invalid = options.conntrackLiberal ? [] : [rule([inState('INVALID'), ...counted], DROP)];
  return {
    table: 'filter',
    name: FORWARD,
    rules: [
      ...invalid,
      rule([comment('kubernetes forwarding rules'), mark], ACCEPT),
      rule([comment('kubernetes forwarding conntrack rule'), inState('RELATED', 'ESTABLISHED')], ACCEPT),
    ],
  };
}

/** One per table: see `CANARY`. */
export const CANARY_CHAINS: readonly Chain[] = TABLES.map((table) => ({ table, name: CANARY, rules: [] }));

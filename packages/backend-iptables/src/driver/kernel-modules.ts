/** Which kernel modules rules of services need, and which of them are missing on this node. */
import { backendError, type BackendError } from '@signalbox/core';
import {
  type IptablesDriver,
  type Match,
  oneIn,
  REJECT,
  RETURN,
  rule,
  type Target,
  type Variant,
  refusalOf,
  type PlacedRule,
} from '@signalbox/iptables';

/** A kernel module that rules of Services need and this node lacks. */
export interface MissingModule {
  /** `xt_recent`. */
  readonly module: string;
  /** The features that do not work without it; `everything`: the mode. */
  readonly neededFor: string;
}

interface Need extends MissingModule {
  readonly placed: PlacedRule;
}

const EVERYTHING = 'everything';
const MARK = 0x4000;

function need(module: string, matches: readonly Match[], neededFor = EVERYTHING): Need {
  return { module, neededFor, placed: { table: 'nat', rule: rule(matches, RETURN) } };
}

function target(module: string, table: PlacedRule['table'], to: Target, neededFor = EVERYTHING): Need {
  return { module, neededFor, placed: { table, rule: rule([], to) } };
}

function needs({ family }: IptablesDriver): readonly Need[] {
  const address = family === 'IPv4' ? '192.0.2.1' : '2001:db8::1';
  const tcp: Match = { kind: 'protocol', protocol: 'tcp' };
  const dnat = { kind: 'dnat', address, port: 1 } as const;
  return [
    need('xt_comment', [{ kind: 'comment', text: 'probe' }]),
    need('xt_addrtype', [{ kind: 'address-type', side: 'destination', type: 'LOCAL' }]),
    need('xt_mark', [{ kind: 'mark', value: MARK, mask: MARK }]),
    need('xt_conntrack', [{ kind: 'conntrack-state', states: ['NEW'] }]),
    target('xt_MARK', 'nat', { kind: 'mark', value: MARK, mask: MARK }),
    target('xt_MASQUERADE', 'nat', { kind: 'masquerade', randomFully: false }),
    { module: 'xt_nat', neededFor: EVERYTHING, placed: { table: 'nat', rule: rule([tcp], dnat) } },
    need('xt_statistic', [oneIn(2)], 'services with more than one endpoint'),
    need(
      'xt_recent',
      [{ kind: 'recent', name: 'KUBE-PROXY-PROBE', operation: 'rcheck' }],
      'session affinity',
    ),
    target(
      family === 'IPv4' ? 'ipt_REJECT' : 'ip6t_REJECT',
      'filter',
      REJECT,
      'refusals for services without endpoints',
    ),
  ];
}

/** Modules that the nft variant uses through nft_compat only: if it rejects all of their rules, nft_compat is missing. */
const THROUGH_COMPAT = new Set(['xt_comment', 'xt_addrtype', 'xt_statistic', 'xt_recent', 'xt_MASQUERADE']);

/**
 * Adds each kind of rule to a chain to which no rule leads, and removes it again: only then does the kernel request the
 * modules, and load them if they are installed. One call if none is missing.
 */
export async function findMissingModules(
  driver: IptablesDriver,
): Promise<readonly MissingModule[] | BackendError> {
  const all = needs(driver);
  const error = await refusalOf(
    driver,
    all.map(({ placed }) => placed),
  );
  if (error === null) return [];
  // The lock is held by another process, or permissions are missing: not caused by modules.
  if (error.code !== 'rejected') return error;
  const plain = await refusalOf(driver, [{ table: 'nat', rule: rule([], RETURN) }]);
  if (plain !== null) return plain;
  const missing: MissingModule[] = [];
  for (const { module, neededFor, placed } of all) {
    const refused = await refusalOf(driver, [placed]);
    if (refused !== null && refused.code !== 'rejected') return refused;
    if (refused !== null) missing.push({ module, neededFor });
  }
  const tool = await driver.probe();
  return tool.ok ? throughCompat(missing, tool.value.variant) : tool.error;
}

function throughCompat(missing: readonly MissingModule[], variant: Variant): readonly MissingModule[] {
  const names = new Set(missing.map(({ module }) => module));
  const isCompat = variant === 'nft' && [...THROUGH_COMPAT].every((module) => names.has(module));
  return isCompat ? [{ module: 'nft_compat', neededFor: EVERYTHING }] : missing;
}

/** `null`: no rule of most services needs a missing module. Else one line: the module, and what does not work without it. */
export function unsupportedError(missing: readonly MissingModule[]): BackendError | null {
  const [first, ...more] = missing
    .filter(({ neededFor }) => neededFor === EVERYTHING)
    .map(({ module }) => module);
  if (first === undefined) return null;
  const names = more.length === 0 ? `module ${first} is` : `modules ${[first, ...more].join(', ')} are`;
  const message =
    `kernel ${names} missing: install the distribution's package of extra kernel modules; ` +
    "of kube-proxy's modes on Linux only nftables works without";
  return backendError('unsupported', 'iptables-restore', message, { kernel: 'unchanged' });
}

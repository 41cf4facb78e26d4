import type { Frontend } from '@signalbox/core';
import { nftablesServiceName } from '@signalbox/backend-kit';
import { cidrsOverlap, parseCidr, type ServicePortName } from '@signalbox/core';
import type { Chain, Element } from '../objects/ruleset.ts';
import { SET } from '../objects/ruleset.ts';
import { DROP, rule } from '../objects/rule.ts';
import type { CompileContext } from './context.ts';
import { frontendKey } from './frontend-key.ts';
import { CHAIN } from './names.ts';

/** S24: one rule for the ranges of all services; which service has which is in the set. */
export const FIREWALL_RANGES: Chain = {
  name: CHAIN.firewallRanges,
  rules: [
    rule(
      [
        {
          kind: 'in-set',
          key: ['daddr', 'l4proto', 'dport', 'saddr'],
          set: SET.sourceRanges,
          inverted: true,
        },
      ],
      DROP,
    ),
  ],
};

export interface SourceRangeObjects {
  readonly elements: readonly Element[];
  readonly chains: readonly Chain[];
}

/** Elements of the sets that `firewall-check` reads; without intervals in the kernel, a chain with a rule for each range. */
export function sourceRangeObjects(
  frontend: Frontend,
  name: ServicePortName,
  { capabilities }: CompileContext,
): SourceRangeObjects {
  if (frontend.kind !== 'load-balancer' || frontend.sourceRanges === null)
    return { elements: [], chains: [] };
  const { cidrs, alsoAddresses } = frontend.sourceRanges;
  const key = frontendKey(frontend, name);
  const ranges = withoutContained([...cidrs, ...alsoAddresses.map(hostRange)]);
  const checkedBy = (chain: string): Element => ({ set: SET.firewallIPs, key, data: `goto ${chain}` });
  if (!capabilities.concatenatedIntervals) {
    const chain = firewallChain(name, ranges);
    return { elements: [checkedBy(chain.name)], chains: [chain] };
  }
  const elements = ranges.map((range) => ({ set: SET.sourceRanges, key: `${key} . ${range}`, data: '' }));
  return { elements: [checkedBy(CHAIN.firewallRanges), ...elements], chains: [] };
}

function firewallChain(name: ServicePortName, ranges: readonly string[]): Chain {
  const allowed = ranges.map((cidr) =>
    rule([{ kind: 'address', field: 'saddr', cidr }], { kind: 'verdict', verdict: { kind: 'return' } }),
  );
  return { name: `firewall-${nftablesServiceName(name)}`, rules: [...allowed, rule([], DROP)] };
}

/** An interval set takes no element inside another one: the widest ranges stay. Hosts are written without a length, as nft does. */
function withoutContained(cidrs: readonly string[]): readonly string[] {
  const parsed = cidrs.map((text) => parseCidr(text)).filter((cidr) => cidr !== null);
  const kept: (typeof parsed)[number][] = [];
  for (const cidr of parsed.toSorted((one, other) => one.prefixLength - other.prefixLength)) {
    if (!kept.some((wider) => cidrsOverlap(wider, cidr))) kept.push(cidr);
  }
  return kept.map(({ text, hostBits }) => (hostBits === 0n ? text.slice(0, text.indexOf('/')) : text));
}

function hostRange(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

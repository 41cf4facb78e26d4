import type { DesiredServicePort, LoadBalancerFrontend, SourceRanges } from '@signalbox/core';
import { servicePortLabel } from '@signalbox/core';
import {
  type Chain,
  DROP,
  jump,
  type Match,
  NO_TARGET,
  RETURN,
  rule,
  type TypedRule,
} from '@signalbox/iptables';
import { serviceChain } from './names.ts';
import { passesExternal, rejectsExternal } from './routes.ts';
import { comment, hostCidr, toFrontend } from './frontend-match.ts';

/** Sources that may use the frontend, as matches. */
export function allowedSources(ranges: SourceRanges): readonly Match[] {
  return [...ranges.cidrs, ...ranges.alsoAddresses.map(hostCidr)].map((cidr) => ({ kind: 'source', cidr }));
}

/** KUBE-FW-… chains: allowed sources continue to `entry`; other packets pass the chain and are dropped in filter (S26). */
export interface Firewalls {
  /** The chain in front of this frontend; `null` if all sources are allowed. */
  chainOf(frontend: LoadBalancerFrontend, entry: string): string | null;
  chains(): readonly Chain[];
}

export function compileFirewalls(service: DesiredServicePort): Firewalls {
  const chains = new Map<string, Chain>();
  return {
    chainOf(frontend, entry) {
      if (frontend.sourceRanges === null) return null;
      const content = JSON.stringify([
        entry,
        frontend.sourceRanges.cidrs,
        frontend.sourceRanges.alsoAddresses,
      ]);
      const known = chains.get(content);
      if (known !== undefined) return known.name;
      const name = serviceChain('firewall', service.name, chains.size === 0 ? '' : content);
      chains.set(content, firewallChain(service, name, entry, frontend.sourceRanges));
      return name;
    },
    chains: () => [...chains.values()],
  };
}

function firewallChain(
  service: DesiredServicePort,
  name: string,
  entry: string,
  ranges: SourceRanges,
): Chain {
  const label = servicePortLabel(service.name);
  const words = comment(`${label} loadbalancer IP`);
  const rest = comment(`other traffic to ${label} will be dropped by KUBE-PROXY-FIREWALL`);
  return {
    table: 'nat',
    name,
    rules: [
      ...allowedSources(ranges).map((from) => rule([from, words], jump(entry))),
      // No effect; its comment explains to readers of the chain what happens to other packets.
      rule([rest], NO_TARGET),
    ],
  };
}

/** In filter: packets from allowed sources, where they pass nat untranslated; a later chain rejects those that are to be rejected (S66). */
export function exemptions(
  { name }: DesiredServicePort,
  { address, port }: LoadBalancerFrontend,
  ranges: SourceRanges,
): readonly TypedRule[] {
  const to = toFrontend(address, name.protocol, port, `${servicePortLabel(name)} loadbalancer IP`);
  return allowedSources(ranges).map((from) => rule([from, ...to], RETURN));
}

/** In filter: a packet whose destination is still the load balancer's address came from a source that is not allowed, or is exempted. */
export function firewallRules(
  service: DesiredServicePort,
  frontend: LoadBalancerFrontend,
  chain: string,
): readonly TypedRule[] {
  const { name } = service;
  const words = `${servicePortLabel(name)} traffic not accepted by ${chain}`;
  const { sourceRanges } = frontend;
  const exempted = sourceRanges !== null && (passesExternal(frontend) || rejectsExternal(frontend));
  return [
    ...(exempted ? exemptions(service, frontend, sourceRanges) : []),
    rule(toFrontend(frontend.address, name.protocol, frontend.port, words), DROP),
  ];
}

/**
 * Which clients may use a frontend (S16, S22, S24), in sets that the rules match before IPVS receives the packet. A frontend
 * in LOAD-BALANCER-FW accepts only the sources that are listed with it: none, if there are none. One that is in
 * EXTERNAL-IP-LOCAL, too, accepts of them only pods of this node and the node itself: the others are dropped, or rejected (S66) if
 * LOOP-BACK has the frontend with its own address as client. That entry alone has no effect: a packet from a service address to
 * the same address does not leave IPVS with it as destination.
 *
 * Every set is one of kube-proxy's, which replaces its contents in each sync: when kube-proxy runs again in ipvs mode, these
 * rules drop what kube-proxy's own rules drop, and nothing else.
 */
import type { Frontend } from '@signalbox/core';
import type { PlacedEntry } from './ip-sets.ts';
import type { Blocked } from './no-endpoints.ts';
import type { FrontendPort } from './virtual-servers.ts';

const NONE: readonly PlacedEntry[] = [];

export function guardEntries(
  port: FrontendPort,
  frontend: Frontend,
  blocked: Blocked,
): readonly PlacedEntry[] {
  const gate: PlacedEntry = { set: 'LOAD-BALANCER-FW', entry: { kind: 'address-port', ...port } };
  if (blocked === 'drop-all') return [gate];
  const ranges = sourceEntries(port, frontend);
  if (blocked === 'none') return ranges.length === 0 ? NONE : [...ranges, gate];
  const external: PlacedEntry = {
    set: 'EXTERNAL-IP-LOCAL',
    entry: { kind: 'address-port', ...port },
    guards: true,
  };
  const answer: readonly PlacedEntry[] =
    blocked === 'reject-external'
      ? [{ set: 'LOOP-BACK', entry: { kind: 'address-port-address', ...port, second: port.address } }]
      : NONE;
  const sources = ranges.length === 0 ? networkEntries(port, everySource(port)) : ranges;
  return [...sources, gate, external, ...answer];
}

/** Empty: every source may connect. */
function sourceEntries(port: FrontendPort, frontend: Frontend): readonly PlacedEntry[] {
  const ranges = frontend.kind === 'load-balancer' ? frontend.sourceRanges : null;
  if (ranges === null || ranges.cidrs.some((cidr) => cidr.endsWith('/0'))) return NONE;
  return [
    ...networkEntries(port, ranges.cidrs),
    ...ranges.alsoAddresses.map((second): PlacedEntry => ({
      set: 'LOAD-BALANCER-SOURCE-IP',
      entry: { kind: 'address-port-address', ...port, second },
    })),
  ];
}

function networkEntries(port: FrontendPort, networks: readonly string[]): readonly PlacedEntry[] {
  return networks.map((network) => ({
    set: 'LOAD-BALANCER-SOURCE-CIDR',
    entry: { kind: 'address-port-network', ...port, network },
  }));
}

/** ipset has no network of length 0. */
function everySource({ address }: FrontendPort): readonly string[] {
  return address.includes(':') ? ['::/1', '8000::/1'] : ['0.0.0.0/1', '128.0.0.0/1'];
}

/** Who may use a load-balancer frontend (S24): three sets, asked before IPVS sees the packet. */
import type { SourceRanges } from '@signalbox/core';
import type { PlacedEntry } from './ip-sets.ts';
import type { FrontendPort } from './virtual-servers.ts';

const NONE: readonly PlacedEntry[] = [];

export function sourceRangeEntries(port: FrontendPort, ranges: SourceRanges | null): readonly PlacedEntry[] {
  // ipset has no network of length 0; such a range allows every source anyway.
  if (ranges === null || ranges.cidrs.some((cidr) => cidr.endsWith('/0'))) return NONE;
  return [
    ...ranges.cidrs.map((network): PlacedEntry => ({
      set: 'LOAD-BALANCER-SOURCE-CIDR',
      entry: { kind: 'address-port-network', ...port, network },
    })),
    ...ranges.alsoAddresses.map((second): PlacedEntry => ({
      set: 'LOAD-BALANCER-SOURCE-IP',
      entry: { kind: 'address-port-address', ...port, second },
    })),
    { set: 'LOAD-BALANCER-FW', entry: { kind: 'address-port', ...port } },
  ];
}

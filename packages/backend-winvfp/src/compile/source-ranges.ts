/** Load balancers of HNS have no source filter: the ranges are not enforced, and this is where that is said. */
import type { Frontend } from '@signalbox/core';

export function sourceRangesReason(frontend: Frontend): string | null {
  if (frontend.kind !== 'load-balancer' || frontend.sourceRanges === null) return null;
  return 'HNS load balancers have no source filter: every source may connect';
}

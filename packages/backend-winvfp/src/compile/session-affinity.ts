/** HNS can hash by source address; it has no table with times, so `timeoutSeconds` has no effect. */
import type { SessionAffinity } from '@signalbox/core';
import { DISTRIBUTION } from '../objects/hcn-documents.ts';

export function distributionOf(affinity: SessionAffinity | null): number {
  return affinity === null ? DISTRIBUTION.fiveTuple : DISTRIBUTION.sourceIP;
}

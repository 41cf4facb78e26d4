import { anyCidrContains } from '../model/cidr.ts';
import type { ServiceAddresses } from '../model/service.ts';
import type { SourceRanges } from './desired-state.ts';

const NO_ADDRESSES: readonly string[] = Object.freeze([]);

/** S24. Null: every source may connect. `nodeIP`: this node's primary address of the family, if known. */
export function sourceRanges(addresses: ServiceAddresses, nodeIP: string | null): SourceRanges | null {
  const cidrs = addresses.sourceRanges;
  if (cidrs.length === 0) return null;
  const nodeAllowed = nodeIP !== null && anyCidrContains(cidrs, nodeIP);
  return { cidrs, alsoAddresses: nodeAllowed ? addresses.loadBalancerIPs : NO_ADDRESSES };
}

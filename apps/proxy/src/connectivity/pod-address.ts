/** Addresses for a temporary pod: in the pod CIDRs of this node, and not in use as far as can be known. */
import { FAMILIES, formatAddress, parseAddress, parseCidr, type Family, type Model } from '@signalbox/core';

/** Of each pod CIDR, from its end, where allocation from the start comes last. */
const CANDIDATES = 16;

export interface PodAddressFacts {
  readonly model: Pick<Model, 'node' | 'endpointAddresses'>;
  /** Of interfaces of this node. */
  readonly interfaceAddresses: readonly string[];
  /** In use by a pod that is no endpoint of a Service, as far as the node knows. */
  readonly isInUse: (address: string) => Promise<boolean>;
}

/** One a family, where the Node has a pod CIDR of it. */
export async function choosePodAddresses(facts: PodAddressFacts): Promise<readonly string[]> {
  const chosen: string[] = [];
  for (const family of FAMILIES) {
    const address = await firstFree(family, facts);
    if (address !== null) chosen.push(address);
  }
  return chosen;
}

async function firstFree(family: Family, facts: PodAddressFacts): Promise<string | null> {
  const { model, interfaceAddresses, isInUse } = facts;
  const taken = new Set([...model.endpointAddresses(family), ...interfaceAddresses]);
  for (const text of model.node().podCIDRs) {
    for (const address of lastAddresses(text, family)) {
      if (!taken.has(address) && !(await isInUse(address))) return address;
    }
  }
  return null;
}

/** Without the last one of all, which is the broadcast address in IPv4. */
export function lastAddresses(text: string, family: Family): readonly string[] {
  const cidr = parseCidr(text);
  if (cidr === null || cidr.family !== family || cidr.hostBits < 2n) return [];
  const size = 1n << cidr.hostBits;
  const first = parseAddress(cidr.text.replace(/\/.*/, ''))?.value ?? 0n;
  const count = Math.min(CANDIDATES, Number(size > 64n ? 64n : size) - 2);
  return Array.from({ length: count }, (_, index) =>
    formatAddress({ family, value: first + size - 2n - BigInt(index) }),
  );
}

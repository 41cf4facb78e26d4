import type { Family } from '@signalbox/core';
import { formatSets } from '../format/ipset.ts';
import { formatServers } from '../format/ipvsadm.ts';
import type { FakeKernel } from './fake-kernel.ts';

/** All that a fake kernel holds, as text: equal texts are equal kernels. */
export function dumpKernel(kernel: FakeKernel, family: Family): string {
  const sets = [...kernel.sets.values()].toSorted((one, other) => (one.set.name < other.set.name ? -1 : 1));
  return [
    `device ${kernel.device}: ${[...kernel.bound].sort().join(' ')}`,
    formatServers(kernel.servers.values()),
    formatSets(sets),
    ...(['mangle', 'nat', 'filter'] as const).map((table) => kernel.iptables(family).dump(table)),
  ].join('\n');
}

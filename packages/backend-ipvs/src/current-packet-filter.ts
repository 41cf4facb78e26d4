import type { DesiredNode } from '@signalbox/core';
import { clusterMasquerade } from './compile/masquerade.ts';
import { compilePacketFilter, type PacketFilterOptions } from './compile/packet-filter.ts';
import type { PacketFilter } from './objects/packet-filter.ts';

type FixedOptions = Pick<PacketFilterOptions, 'family' | 'masqueradeBit'>;

/** Compiles the rules for a node: the same object as long as nothing that they depend on changes. */
export function createPacketFilterCompiler(
  fixed: FixedOptions,
): (node: DesiredNode | undefined, randomFully: boolean) => PacketFilter {
  let last: { readonly options: string; readonly rules: PacketFilter } | null = null;
  return (node, randomFully) => {
    const options: PacketFilterOptions = {
      ...fixed,
      detector: node?.localDetector ?? { kind: 'none' },
      clusterMasquerade: node === undefined ? 'service-addresses' : clusterMasquerade(node),
      randomFully,
    };
    const text = JSON.stringify(options);
    if (last?.options !== text) last = { options: text, rules: compilePacketFilter(options) };
    return last.rules;
  };
}

import { sampleNode } from '@signalbox/backend-kit/testing';
import type { DesiredNode, Family } from '@signalbox/core';
import type { CompileContext } from '../compile/context.ts';

/** The context of a node of the samples, on a kernel that can do everything. */
export function sampleContext(family: Family, node: Partial<DesiredNode> = {}): CompileContext {
  return {
    family,
    node: { ...sampleNode(family), ...node },
    mark: 0x4000,
    maglevSlots: 251,
    capabilities: { concatenatedIntervals: true, elementCounters: true, clientHash: true },
  };
}

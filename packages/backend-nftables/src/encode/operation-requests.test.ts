import { replyCost, requestBytes } from '@signalbox/netlink';
import { describe, expect, it } from 'vitest';
import { preparedPickChains } from '../compile/load-balancing.ts';
import { setDeclarations } from '../compile/sets.ts';
import type { Entry, Operation } from '../objects/operation.ts';
import { batchesOf, type RequestGroup, requestGroups } from './operation-requests.ts';

const CAPABILITIES = { concatenatedIntervals: true, elementCounters: true, clientHash: true };
const SETS = setDeclarations({ family: 'IPv6', nodePorts: 'ranges', capabilities: CAPABILITIES });
const CONTEXT = { family: 'IPv6', sets: new Map(SETS.map((set) => [set.name, set])) } as const;

function groupsOf(operation: Operation): readonly RequestGroup[] {
  return [...requestGroups([operation], CONTEXT)];
}

function entries(count: number): readonly Entry[] {
  return Array.from({ length: count }, (_, index) => ({
    key: `fd00::${(index >> 4).toString(16)} . tcp . 80 . ${index & 15}`,
    data: `fd00:1::${index.toString(16)} . 8080`,
  }));
}

describe('batches', () => {
  it('stay below what a datagram and the refusals of a batch may take, with every request in order', () => {
    const add = groupsOf({ kind: 'add-elements', set: 'cluster-endpoints', entries: entries(20_000) });
    const batches = [...batchesOf(add)];
    expect(batches.length).toBeGreaterThan(4);
    for (const batch of batches) {
      expect(batch.reduce((sum, request) => sum + requestBytes(request), 0)).toBeLessThanOrEqual(200_000);
      expect(batch.reduce((sum, request) => sum + replyCost(request), 0)).toBeLessThanOrEqual(300_000);
    }
    expect(batches.flat()).toEqual(add.flat());
  });

  it('never part a deletion from the addition that replaces it', () => {
    const groups = groupsOf({ kind: 'replace-elements', set: 'cluster-endpoints', entries: entries(10_000) });
    for (const batch of batchesOf(groups)) {
      const operations = batch.map(({ operation }) => operation);
      const [deletions, additions] = ['NFT_MSG_DELSETELEM', 'NFT_MSG_NEWSETELEM'].map(
        (name) => operations.filter((each) => each === name).length,
      );
      expect(deletions).toBe(additions);
    }
  });

  it('never part the rules of a chain from what empties it', () => {
    for (const chain of preparedPickChains()) {
      const [group, ...more] = groupsOf({ kind: 'write-rules', chain });
      expect(more).toEqual([]);
      expect(group?.map(({ operation }) => operation)).toEqual([
        'NFT_MSG_DELRULE',
        ...chain.rules.map(() => 'NFT_MSG_NEWRULE'),
      ]);
    }
  });

  it('are none where there is nothing to do', () => {
    expect([...batchesOf([])]).toEqual([]);
    expect(groupsOf({ kind: 'add-elements', set: 'cluster-ips', entries: [] })).toEqual([]);
  });

  it('refuse elements of a set that is not declared', () => {
    expect(() => groupsOf({ kind: 'delete-elements', set: 'other', keys: ['1'] })).toThrow(
      'no such set: other',
    );
  });
});

import { describe, expect, it } from 'vitest';
import { nodeObject } from '../testing/objects.ts';
import { decodeNode } from './decode-node.ts';

describe('decodeNode', () => {
  it('F117: InternalIPs in status order, then ExternalIPs; host names are ignored', () => {
    const addresses = [
      { type: 'Hostname', address: 'node-a' },
      { type: 'ExternalIP', address: '203.0.113.1' },
      { type: 'InternalIP', address: '2001:DB8::1' },
      { type: 'InternalIP', address: '192.0.2.10' },
    ];
    const { value } = decodeNode({ ...nodeObject(), status: { addresses } });
    expect(value?.addresses).toEqual(['2001:db8::1', '192.0.2.10', '203.0.113.1']);
  });

  it('F117: an invalid address is reported and skipped', () => {
    const { value, problems } = decodeNode(nodeObject({ internal: ['node.example', '192.0.2.10'] }));
    expect(value?.addresses).toEqual(['192.0.2.10']);
    expect(problems.map(({ field }) => field)).toEqual(['status.addresses[0].address']);
  });

  const taint = { key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' };
  const rows: readonly (readonly [title: string, object: unknown, eligible: boolean])[] = [
    ['a plain node', nodeObject(), true],
    ['a deletion timestamp', nodeObject({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), false],
    ['the taint of the autoscaler', nodeObject({ spec: { taints: [{ key: 'other' }, taint] } }), false],
    ['another taint', nodeObject({ spec: { taints: [{ key: 'other' }] } }), true],
  ];
  for (const [title, object, eligible] of rows) {
    it(`F115: ${title} makes it ${eligible ? 'eligible' : 'not eligible'}`, () => {
      expect(decodeNode(object).value?.eligible).toBe(eligible);
    });
  }

  it('F122: zone from the label; null without it', () => {
    expect(decodeNode(nodeObject({ zone: 'z1' })).value?.zone).toBe('z1');
    expect(decodeNode(nodeObject()).value?.zone).toBeNull();
  });

  it('S36: pod ranges from podCIDRs, else from podCIDR', () => {
    const ranges = (spec: Readonly<Record<string, unknown>>): readonly string[] | undefined =>
      decodeNode(nodeObject({ spec })).value?.podCIDRs;
    expect(ranges({ podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00::/64'] })).toEqual([
      '10.244.1.0/24',
      'fd00::/64',
    ]);
    expect(ranges({ podCIDR: '10.244.1.0/24' })).toEqual(['10.244.1.0/24']);
    expect(ranges({})).toEqual([]);
  });

  it('S36: empty strings among the pod ranges are ignored without a problem', () => {
    const { value, problems } = decodeNode(nodeObject({ spec: { podCIDRs: ['', '10.244.1.0/24'] } }));
    expect(value?.podCIDRs).toEqual(['10.244.1.0/24']);
    expect(problems).toEqual([]);
  });

  it('refuses what has no name', () => {
    expect(decodeNode({})).toMatchObject({ key: null, value: null });
    expect(decodeNode([]).problems).toHaveLength(1);
  });
});

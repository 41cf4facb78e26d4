import { describe, expect, it } from 'vitest';
import { decodeServiceCidr } from './decode-service-cidr.ts';

describe('decodeServiceCidr', () => {
  it('S43: reads the ranges, canonical', () => {
    const object = { metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.96.0.0/16', 'FD00::/112', 'x'] } };
    const { key, value, problems } = decodeServiceCidr(object);
    expect([key, value]).toEqual(['kubernetes', ['10.96.0.0/16', 'fd00::/112']]);
    expect(problems.map(({ field }) => field)).toEqual(['spec.cidrs[2]']);
  });

  it('refuses what has no name', () => {
    expect(decodeServiceCidr(null)).toMatchObject({ key: null, value: null });
  });
});

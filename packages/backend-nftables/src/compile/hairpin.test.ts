import { sampleServicePort } from '@signalbox/backend-kit/testing';
import { describe, expect, it } from 'vitest';
import { hairpinElements } from './hairpin.ts';

describe('endpoints that may reach themselves (S37)', () => {
  it('are those of this node, once each, also where they serve local traffic too', () => {
    const service = sampleServicePort('IPv4', { endpoints: 3, exposed: 'local' });
    const local = service.clusterEndpoints.filter(({ isLocal }) => isLocal);
    expect(local.length).toBeGreaterThan(0);
    expect(local.length).toBeLessThan(3);
    expect(hairpinElements(service).map(({ set, key }) => `${set} ${key}`)).toEqual(
      local.map(({ address, port }) => `hairpin-connections ${address} . ${address} . tcp . ${port}`),
    );
  });
});

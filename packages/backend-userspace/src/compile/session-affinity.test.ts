import { describe, expect, it } from 'vitest';
import { createBalancer } from './load-balancing.ts';

const ENDPOINTS = ['10.244.1.1', '10.244.1.2', '10.244.1.3'].map((address) => ({
  address,
  port: 8080,
  isLocal: true,
}));
const affinity = { timeoutSeconds: 10 };

function chooser() {
  const balancer = createBalancer(() => 0.999);
  return (client: string, now: number, endpoints = ENDPOINTS): string | undefined => {
    const request = { endpoints, affinity, balancing: null, client, now, active: () => 0 };
    const [first] = balancer.candidates(request, 1);
    if (first !== undefined) balancer.connected(request, first);
    return first?.address;
  };
}

describe('session affinity', () => {
  it('lasts for the timeout since the last connection of the client', () => {
    const choose = chooser();
    expect(choose('a', 0)).toBe('10.244.1.1');
    expect(choose('a', 9_999)).toBe('10.244.1.1');
    expect(choose('a', 19_998)).toBe('10.244.1.1');
    expect(choose('a', 29_998)).toBe('10.244.1.2');
  });

  it('is kept for each client separately', () => {
    const choose = chooser();
    expect([choose('a', 0), choose('b', 0), choose('a', 1), choose('b', 1)]).toEqual([
      '10.244.1.1',
      '10.244.1.2',
      '10.244.1.1',
      '10.244.1.2',
    ]);
  });

  it('takes no turn of other clients', () => {
    const choose = chooser();
    expect([choose('a', 0), choose('a', 1), choose('a', 2), choose('b', 3)]).toEqual([
      '10.244.1.1',
      '10.244.1.1',
      '10.244.1.1',
      '10.244.1.2',
    ]);
  });

  it('ends when its endpoint is removed', () => {
    const choose = chooser();
    expect(choose('a', 0)).toBe('10.244.1.1');
    const others = ENDPOINTS.slice(1);
    expect(choose('a', 1, others)).toBe('10.244.1.2');
    expect(choose('a', 2)).toBe('10.244.1.2');
  });

  it('tries its endpoint first, and others after it', () => {
    const balancer = createBalancer(() => 0.999);
    const request = {
      endpoints: ENDPOINTS,
      affinity,
      balancing: null,
      client: 'a',
      now: 0,
      active: () => 0,
    };
    balancer.connected(request, ENDPOINTS[2] as (typeof ENDPOINTS)[0]);
    const addresses = balancer.candidates(request, 4).map(({ address }) => address);
    expect(addresses[0]).toBe('10.244.1.3');
    expect(new Set(addresses).size).toBe(3);
  });
});

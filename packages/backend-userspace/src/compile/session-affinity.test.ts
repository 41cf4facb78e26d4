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

  it.each([
    ['is kept for each client separately', ['a', 'b', 'a', 'b'], [1, 2, 1, 2]],
    ['takes no turn of other clients', ['a', 'a', 'a', 'b'], [1, 1, 1, 2]],
  ])('%s', (_, clients, endpoints) => {
    const choose = chooser();
    const chosen = clients.map((client, now) => choose(client, now));
    expect(chosen).toEqual(endpoints.map((last) => `10.244.1.${last}`));
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

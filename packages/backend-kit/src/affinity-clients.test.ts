import { expect, it } from 'vitest';
import { latestOfEach } from './affinity-clients.ts';
import { sampleServicePort } from './testing/sample-state.ts';

it('keeps of each client and service port the entry that ends last, in whatever order they come', () => {
  const [one, other] = [1, 2].map((index) => sampleServicePort('IPv4', { index }).name);
  if (one === undefined || other === undefined) throw new Error('there are no samples');
  const entry = (servicePort: typeof one, client: string, remaining: number) => ({
    servicePort,
    client,
    remaining,
    endpoint: { address: `10.244.0.${remaining}`, port: 80, isLocal: false },
  });
  const entries = [
    entry(one, '192.0.2.1', 50),
    entry(one, '192.0.2.1', 20),
    entry(one, '192.0.2.2', 10),
    entry(other, '192.0.2.1', 30),
    entry(one, '192.0.2.2', 40),
    entry(one, '192.0.2.3', 0),
  ];
  const kept = (all: typeof entries): readonly number[] =>
    latestOfEach(all)
      .map(({ remaining }) => remaining)
      .toSorted((a, b) => a - b);
  expect(kept(entries)).toEqual([30, 40, 50]);
  expect(kept(entries.toReversed())).toEqual([30, 40, 50]);
});

/** What `observe` reports, and how many listings it makes. */
import { fullChange } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { IptablesDriver } from '@signalbox/iptables';
import { createFakeIptables, type FakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import { sampleEndpoints, sampleService, sampleState } from '../testing/sample-state.ts';

const STATE = sampleState(
  Array.from({ length: 5 }, (_, index) => sampleService({ index, endpoints: sampleEndpoints(index, 3) })),
);

interface Lab {
  readonly fake: FakeIptables;
  readonly listings: { count: number; words: (line: string) => string };
  readonly observe: () => Promise<unknown>;
}

async function lab(): Promise<Lab> {
  const fake = createFakeIptables({ family: 'IPv4' });
  const listings: Lab['listings'] = { count: 0, words: (line) => line };
  const driver: IptablesDriver = {
    ...fake.driver,
    save(onLine) {
      listings.count++;
      return fake.driver.save((line) => onLine(listings.words(line)));
    },
  };
  const backend = createIptablesBackend({ family: 'IPv4', driver });
  await backend.sync(fullChange(STATE));
  listings.count = 0;
  return { fake, listings, observe: () => backend.observe() };
}

const chain = (within: string, name: string) => ({ type: 'chain', within, name });

const INTACT = { outcome: 'ok', drift: [] };

describe('observe', () => {
  it('lists once where everything is as it was written', async () => {
    const { listings, observe } = await lab();
    expect(await observe()).toEqual(INTACT);
    expect(listings.count).toBe(1);
  });

  it('lists once where the tool formats rules differently', async () => {
    const { listings, observe } = await lab();
    listings.words = (line) => line.replace('-m mark --mark 0x4000/0x4000', '-m mark  --mark 0x4000/0x4000');
    expect(await observe()).toEqual(INTACT);
    expect(listings.count).toBe(1);
  });

  it.each([
    [
      'a removed rule',
      '*nat\n-D KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\nCOMMIT\n',
      'altered',
      chain('nat', 'KUBE-MARK-MASQ'),
    ],
    ['a rule more', '*nat\n-A KUBE-MARK-MASQ -j RETURN\nCOMMIT\n', 'altered', chain('nat', 'KUBE-MARK-MASQ')],
    [
      'an added rule in an empty chain',
      '*mangle\n-A KUBE-PROXY-CANARY -j RETURN\nCOMMIT\n',
      'altered',
      chain('mangle', 'KUBE-PROXY-CANARY'),
    ],
    [
      'a removed chain',
      '*mangle\n-X KUBE-PROXY-CANARY\nCOMMIT\n',
      'missing',
      chain('mangle', 'KUBE-PROXY-CANARY'),
    ],
    ['a chain more', '*nat\n:KUBE-SVC-OLD - [0:0]\nCOMMIT\n', 'stale', chain('nat', 'KUBE-SVC-OLD')],
    [
      'a chain instead of another one',
      '*mangle\n-X KUBE-PROXY-CANARY\nCOMMIT\n*nat\n:KUBE-SVC-OLD - [0:0]\nCOMMIT\n',
      'stale',
      chain('nat', 'KUBE-SVC-OLD'),
    ],
    ['a jump less', '*nat\n-F PREROUTING\nCOMMIT\n', 'missing', { type: 'rule', within: 'nat PREROUTING' }],
  ])('reports %s', async (_, input, kind, object) => {
    const { fake, observe } = await lab();
    fake.byOthers(input);
    expect(await observe()).toMatchObject({
      drift: expect.arrayContaining([expect.objectContaining({ kind, ...object })]),
    });
  });
});

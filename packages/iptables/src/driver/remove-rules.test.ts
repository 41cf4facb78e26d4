import { backendError, fail } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { Ownership } from '../diff/owned-rules.ts';
import { createFakeIptables, type FakeIptables } from '../testing/index.ts';
import type { IptablesDriver } from './iptables-driver.ts';
import { removeRules, type Removal } from './remove-rules.ts';

const OWN: Ownership = {
  isOwnChain: (_, name) => name.startsWith('KUBE-'),
  isOwnJump: (_, chain) => chain === 'PREROUTING',
};
const REMOVAL: Removal = { own: () => OWN, jumps: [] };
const RULES =
  '*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-A - [0:0]\n:KUBE-B - [0:0]\n:OTHER - [0:0]\n' +
  '-A PREROUTING -j KUBE-SERVICES\n-A KUBE-SERVICES -j KUBE-A\n-A KUBE-A -j KUBE-B\n-A KUBE-B -j ACCEPT\n-A OTHER -j KUBE-B\nCOMMIT\n';
const REFUSED = fail(backendError('unsupported', 'iptables-save', 'no such table', { kernel: 'unchanged' }));

function node(variant: 'nft' | 'legacy'): FakeIptables {
  const fake = createFakeIptables({ family: 'IPv4', variant });
  fake.byOthers(RULES);
  return fake;
}

/** `other` is in the variant that `fake` is not; `closed` counts its ends. */
function withOther(fake: FakeIptables, other: Partial<IptablesDriver> = {}) {
  const legacy = node('legacy');
  const state = { closed: 0 };
  const driver: IptablesDriver = {
    ...fake.driver,
    otherVariant: async () => ({
      ...legacy.driver,
      ...other,
      close: async () => void (state.closed += 1),
    }),
  };
  return { driver, legacy, state };
}

const left = (fake: FakeIptables): readonly string[] => fake.dump('nat').match(/KUBE-.*/g) ?? [];

describe('removeRules', () => {
  it('removes jumps and chains in both variants, and empties a chain that another rule uses', async () => {
    const nft = node('nft');
    const { driver, legacy, state } = withOther(nft);
    expect(await removeRules(driver, REMOVAL)).toEqual({
      ok: true,
      value: ['nft', 'legacy'].flatMap((variant) => [
        `1 jumps in table nat (${variant})`,
        `3 chains in table nat (${variant})`,
      ]),
    });
    for (const fake of [nft, legacy]) expect(left(fake)).toEqual(['KUBE-B - [0:0]', 'KUBE-B']);
    expect(state.closed).toBe(1);
  });

  it('treats a variant that the kernel cannot list as empty', async () => {
    const { driver, state } = withOther(node('nft'), { save: async () => REFUSED });
    expect((await removeRules(driver, REMOVAL)).ok).toBe(true);
    expect(state.closed).toBe(1);
  });

  it('returns the error of a removal in the other variant, and closes it', async () => {
    const { driver, state } = withOther(node('nft'), { restore: async () => REFUSED });
    expect(await removeRules(driver, REMOVAL)).toEqual(REFUSED);
    expect(state.closed).toBe(1);
  });

  it('leaves the variant of the driver as it is if another mode uses all of it', async () => {
    const nft = node('nft');
    const before = nft.dumpAll();
    const { driver, legacy } = withOther(nft);
    expect((await removeRules(driver, REMOVAL, 'all')).ok).toBe(true);
    expect(nft.dumpAll()).toBe(before);
    expect(left(legacy)).toEqual(['KUBE-B - [0:0]', 'KUBE-B']);
  });

  it('empties all chains before it removes one where they need several transactions', async () => {
    const nft = node('nft');
    const removal: Removal = { ...REMOVAL, chainsPerTransaction: () => 2 };
    expect((await removeRules(nft.driver, removal)).ok).toBe(true);
    expect(nft.inputs.at(-1)?.match(/^(\*nat|-[DFX].*|:KUBE.*)$/gm)).toMatchInlineSnapshot(`
      [
        "*nat",
        "-D PREROUTING -j KUBE-SERVICES",
        "*nat",
        ":KUBE-SERVICES - [0:0]",
        ":KUBE-A - [0:0]",
        "*nat",
        ":KUBE-B - [0:0]",
        "*nat",
        ":KUBE-SERVICES - [0:0]",
        ":KUBE-A - [0:0]",
        "-X KUBE-SERVICES",
        "-X KUBE-A",
      ]
    `);
    expect(left(nft)).toEqual(['KUBE-B - [0:0]', 'KUBE-B']);
  });
});

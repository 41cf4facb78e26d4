import { clusterIP, desiredState, fullChange, type DesiredState } from '@signalbox/core';
import { TABLES, type Variant } from '@signalbox/iptables';
import { createFakeIptables, type FakeIptables } from '@signalbox/iptables/testing';
import { describe, expect, it } from 'vitest';
import { createIptablesBackend } from './sync/iptables-backend.ts';
import { renderRules } from './render-rules.ts';
import { everyKind } from './testing/every-kind.ts';

/** All chains with their rules, those of the kernel too. */
function content({ kernel }: FakeIptables): Readonly<Record<string, readonly string[]>> {
  const chains = TABLES.flatMap((table) =>
    [...kernel.table(table)].map(
      ([name, rules]) => [`${table} ${name}`, rules.map(({ text }) => text)] as const,
    ),
  );
  return Object.fromEntries(chains.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

async function rendered(state: DesiredState, variant: Variant) {
  const text = renderRules(state, { variant });
  if (!text.ok) throw new Error(text.error.message);
  const fake = createFakeIptables({ family: state.family, variant });
  expect(await fake.driver.restore(text.value)).toEqual({ ok: true, value: null });
  return content(fake);
}

async function programmed(state: DesiredState, variant: Variant) {
  const fake = createFakeIptables({ family: state.family, variant });
  const backend = createIptablesBackend({ family: state.family, driver: fake.driver });
  expect(await backend.sync(fullChange(state))).toMatchObject({ outcome: 'ok' });
  await backend.close();
  return content(fake);
}

describe('rules rendered without a kernel', () => {
  it.each([
    ['IPv4', 'nft'],
    ['IPv4', 'legacy'],
    ['IPv6', 'nft'],
    ['IPv6', 'legacy'],
  ] as const)('are those that a sync programs: %s, %s', async (family, variant) => {
    const state = everyKind(family);
    expect(await rendered(state, variant)).toEqual(await programmed(state, variant));
  });

  it('are those of the options', () => {
    const state = desiredState('IPv4', [clusterIP('10.96.0.10:80', ['10.244.1.5:8080'])]);
    const text = renderRules(state, { masqueradeBit: 20, randomFully: false });
    expect(text).toMatchObject({ ok: true, value: expect.stringContaining('0x100000') });
    expect(text).not.toMatchObject({ value: expect.stringContaining('--random-fully') });
  });

  it('are refused, with the field, for a service port that violates the contract', () => {
    const web = clusterIP('10.96.0.10:80', []);
    const state = desiredState('IPv4', [{ ...web, frontends: [] }]);
    expect(renderRules(state)).toMatchObject({ ok: false, error: { code: 'rejected' } });
  });
});

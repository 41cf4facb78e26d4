import { sampleState } from '@signalbox/backend-kit/testing';
import { clusterIP, type DesiredState, desiredState, FAMILIES, fullChange } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import { createFakeNftables } from '../testing/fake-nftables.ts';
import { renderRules } from './render-rules.ts';
import { formatTable } from './table-text.ts';

async function programmed(state: DesiredState): Promise<string> {
  const { family } = state;
  const fake = createFakeNftables({ family });
  const backend = createNftablesBackend({ family, driver: fake.driver });
  expect(await backend.sync(fullChange(state))).toMatchObject({ outcome: 'ok' });
  await backend.close();
  const byName = <T>(all: ReadonlyMap<string, T>): readonly T[] =>
    [...all].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, each]) => each);
  const { sets, chains } = fake.table ?? { sets: new Map(), chains: new Map() };
  return formatTable({ sets: byName(sets), chains: byName(chains).map(({ chain }) => chain) }, family);
}

describe('a table rendered without a kernel', () => {
  it.each(FAMILIES)('is the one that a sync programs: %s', async (family) => {
    const { servicePorts, node } = sampleState(family).last;
    const state = desiredState(family, servicePorts.added, node);
    expect(renderRules(state)).toEqual({ ok: true, value: await programmed(state) });
  });

  it('has the bit of the options', () => {
    const state = desiredState('IPv4', [clusterIP('10.96.0.10:80', ['10.244.1.5:8080'])]);
    const text = renderRules(state, { masqueradeBit: 20 });
    expect(text).toMatchObject({ ok: true, value: expect.stringContaining('0x00100000') });
  });

  it('is refused, with the field, for a service port that violates the contract', () => {
    const web = clusterIP('10.96.0.10:80', []);
    const state = desiredState('IPv4', [{ ...web, frontends: [] }]);
    expect(renderRules(state)).toMatchObject({ ok: false, error: { code: 'rejected' } });
  });
});

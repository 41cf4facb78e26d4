import { fullChange } from '@signalbox/core';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { expect, it } from 'vitest';
import { sampleService, sampleState } from '../testing/sample-state.ts';
import { createIptablesBackend } from './iptables-backend.ts';
import { surveyVariants } from './survey-variants.ts';

it('F87: lists what a clean-up would remove, in both variants, and changes nothing', async () => {
  const legacy = createFakeIptables({ family: 'IPv4', variant: 'legacy' });
  const nft = createFakeIptables({ family: 'IPv4', other: legacy });
  expect(await surveyVariants(nft.driver)).toEqual({ ok: true, value: [] });
  const state = sampleState([sampleService({ index: 0 })]);
  await createIptablesBackend({ family: 'IPv4', driver: legacy.driver }).sync(fullChange(state));
  const before = legacy.dumpAll();
  const { value = [] } = { value: undefined, ...(await surveyVariants(nft.driver)) };
  expect(value).toContain('1 chains in table mangle (legacy)');
  expect(value.filter((line) => line.includes('(nft)'))).toEqual([]);
  expect(legacy.dumpAll()).toBe(before);
});

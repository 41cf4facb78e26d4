import { contractCases } from '@signalbox/backend-kit/testing';
import { FAMILIES } from '@signalbox/core';
import type { Variant } from '@signalbox/iptables';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { describe, it } from 'vitest';
import { contractKernel } from './contract-kernel.ts';

const VARIANTS: readonly Variant[] = ['nft', 'legacy'];
const PLACES = VARIANTS.flatMap((variant) => FAMILIES.map((family) => ({ variant, family })));

describe.each(PLACES)('the iptables backend on its fake kernel, $variant, $family', ({ variant, family }) => {
  const createKernel = () => Promise.resolve(contractKernel(createFakeIptables({ family, variant }).driver));
  for (const { title, run } of contractCases({ family, createKernel })) it(title, run);
});

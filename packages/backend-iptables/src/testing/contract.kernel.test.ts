/** The contract test in the network namespace of this process. */
import { execFileSync } from 'node:child_process';
import { contractCases } from '@signalbox/backend-kit/testing';
import { FAMILIES, type Family } from '@signalbox/core';
import { createExecDriver, TABLES, type Variant } from '@signalbox/iptables';
import { afterAll, beforeEach, describe, it } from 'vitest';
import { contractKernel } from './contract-kernel.ts';

const VARIANTS: readonly Variant[] = ['nft', 'legacy'];
const PLACES = VARIANTS.flatMap((variant) => FAMILIES.map((family) => ({ variant, family })));

function reset(): void {
  for (const { variant, family } of PLACES) {
    const tool = `${family === 'IPv4' ? 'iptables' : 'ip6tables'}-${variant}`;
    for (const table of TABLES) {
      execFileSync(tool, ['-w', '-t', table, '-F'], { stdio: 'pipe' });
      execFileSync(tool, ['-w', '-t', table, '-X'], { stdio: 'pipe' });
    }
  }
}

beforeEach(reset);
afterAll(reset);

function createKernel(variant: Variant, family: Family) {
  const driver = createExecDriver({ family, variant });
  return Promise.resolve({ ...contractKernel(driver), close: () => driver.close() });
}

describe.each(PLACES)('the iptables backend on the kernel, $variant, $family', ({ variant, family }) => {
  const harness = { family, createKernel: () => createKernel(variant, family) };
  for (const { title, run } of contractCases(harness)) it(title, run);
});

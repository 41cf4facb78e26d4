import { execFileSync } from 'node:child_process';
import { FAMILIES } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createExecDriver } from './exec-driver.ts';
import { programs } from './variant.ts';

/** In a network namespace without rules. This kernel has nf_tables, but not its families ip and ip6. */
function inEmptyNamespace(...words: readonly string[]): readonly string[] {
  return ['unshare', '--net', ...words];
}

describe.each(FAMILIES)(
  'the variant of iptables for %s on a kernel with nf_tables without the family',
  (family) => {
    it('is legacy, although the nft variant lists empty tables', async () => {
      const { main } = programs(family, 'nft');
      const [file = '', ...words] = inEmptyNamespace(main, '-t', 'nat', '-S');
      expect(execFileSync(file, words, { encoding: 'utf8' })).toContain('-P PREROUTING ACCEPT');
      const driver = createExecDriver({ family, commandPrefix: inEmptyNamespace() });
      expect(await driver.probe()).toMatchObject({ ok: true, value: { variant: 'legacy' } });
      await driver.close();
    });
  },
);

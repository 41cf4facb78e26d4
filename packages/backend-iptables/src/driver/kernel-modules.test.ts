import { backendError, fail } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { type IptablesDriver, restoreText, type Variant } from '@signalbox/iptables';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { findMissingModules, unsupportedError } from './kernel-modules.ts';

/** A kernel that rejects every rule with these words. */
function without(words: readonly string[], variant: Variant = 'nft') {
  const fake = createFakeIptables({ family: 'IPv4', variant });
  const calls = { restores: 0 };
  const driver: IptablesDriver = {
    ...fake.driver,
    restore(input) {
      calls.restores++;
      const text = restoreText(input);
      const word = words.find((each) => text.includes(each));
      if (word === undefined) return fake.driver.restore(text);
      const error = backendError('rejected', 'iptables-restore', `no ${word}`, { kernel: 'unchanged' });
      return Promise.resolve(fail(error));
    },
  };
  return { fake, calls, driver };
}

const COMPAT = ['--comment', '--dst-type', '--mode random', '-m recent', 'MASQUERADE'];

describe('findMissingModules', () => {
  it('finds none missing, in two calls, where the kernel supports every kind of rule, and leaves no rule', async () => {
    const { fake, calls, driver } = without([]);
    expect(await findMissingModules(driver)).toEqual([]);
    expect(calls.restores).toBe(2);
    expect(fake.dump('nat') + fake.dump('filter')).not.toContain('KUBE-');
  });

  it.each([
    [['--dst-type'], 'nft', ['xt_addrtype']],
    [['--comment', 'MASQUERADE'], 'legacy', ['xt_comment', 'xt_MASQUERADE']],
    [COMPAT, 'nft', ['nft_compat']],
    [COMPAT, 'legacy', ['xt_comment', 'xt_addrtype', 'xt_MASQUERADE', 'xt_statistic', 'xt_recent']],
    [['DNAT'], 'nft', ['xt_nat']],
  ] as const)('names what a kernel without %j lacks, %s variant', async (words, variant, modules) => {
    const missing = await findMissingModules(without(words, variant).driver);
    if ('code' in missing) throw new Error(missing.message);
    expect(missing.map(({ module }) => module)).toEqual(modules);
    const error = unsupportedError(missing);
    expect(error).toMatchObject({ code: 'unsupported', message: expect.stringContaining(modules[0]) });
    expect(error?.message).toContain('nftables');
    expect(error?.message).not.toContain('\n');
  });

  it('names the modules that single features need, and the mode runs', async () => {
    const missing = await findMissingModules(without(['-m recent']).driver);
    expect(missing).toEqual([{ module: 'xt_recent', neededFor: 'session affinity' }]);
    expect(unsupportedError('code' in missing ? [] : missing)).toBe(null);
  });

  it('reports no missing module while another process has the lock', async () => {
    const fake = createFakeIptables({
      family: 'IPv6',
      faults: (operation) => operation === 'iptables-restore',
    });
    expect(await findMissingModules(fake.driver)).toMatchObject({ code: 'busy' });
  });

  it('reports no missing module where the tool rejects every rule', async () => {
    expect(await findMissingModules(without(['*nat']).driver)).toMatchObject({ code: 'rejected' });
  });
});

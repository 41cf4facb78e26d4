/** Against the real kernel: it supports every kind of rule that services need. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { createExecDriver } from '@signalbox/iptables';
import { findMissingModules } from './kernel-modules.ts';

it.each([
  ['nft', 'IPv4', 'iptables-nft-save'],
  ['nft', 'IPv6', 'ip6tables-nft-save'],
  ['legacy', 'IPv4', 'iptables-legacy-save'],
  ['legacy', 'IPv6', 'ip6tables-legacy-save'],
] as const)(
  'finds every module that the tests of rules need, %s variant, %s',
  async (variant, family, save) => {
    const driver = createExecDriver({ family, variant });
    expect(await findMissingModules(driver)).toEqual([]);
    await driver.close();
    expect(spawnSync(save, { encoding: 'utf8' }).stdout).not.toContain('KUBE-');
  },
);

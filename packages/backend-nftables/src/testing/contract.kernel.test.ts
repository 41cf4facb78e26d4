import { execFileSync } from 'node:child_process';
import { contractCases, type ContractKernel } from '@signalbox/backend-kit/testing';
import { FAMILIES, type Family } from '@signalbox/core';
import { afterAll, beforeEach, describe, it } from 'vitest';
import { setDeclarations } from '../compile/sets.ts';
import { createNetlinkDriver } from '../driver/netlink-driver.ts';
import { createNftablesBackend } from '../sync/nftables-backend.ts';
import { snapshotText } from './snapshot.ts';

const nft = (ruleset: string): string =>
  execFileSync('nft', ['-f', '-'], { input: ruleset, encoding: 'utf8' });
const listed = (...args: readonly string[]): string => execFileSync('nft', args, { encoding: 'utf8' });

const OTHERS = `table inet firewall {
  set blocked { type ipv4_addr; elements = { 203.0.113.99 } }
  chain input {
    type filter hook input priority 0;
    ip saddr @blocked drop
  }
}`;

const ALL = { concatenatedIntervals: true, elementCounters: true, clientHash: true };

function createKernel(family: Family): Promise<ContractKernel> {
  const driver = createNetlinkDriver({ family });
  const table = `table ${family === 'IPv4' ? 'ip' : 'ip6'} kube-proxy`;
  const sets = setDeclarations({ family, nodePorts: 'ranges', capabilities: ALL });
  return Promise.resolve({
    createBackend: () => createNftablesBackend({ family }),
    snapshot: async () => {
      const observed = await driver.observe(sets);
      if (!observed.ok) throw new Error(observed.error.message);
      if (!observed.value.exists) return '';
      const chains = [...observed.value.chains].map(([name, { rules }]) => [name, rules] as const);
      return snapshotText({ chains, elements: observed.value.elements.bySet });
    },
    damage: () => Promise.resolve(void nft(`flush map ${table.slice(6)} service-ips`)),
    addOthers: () => Promise.resolve(void nft(OTHERS)),
    hasOthers: () => {
      const before = listed('list', 'table', 'inet', 'firewall');
      return Promise.resolve(before.includes('203.0.113.99') && before.includes('@blocked drop'));
    },
    close: () => Promise.resolve(driver.close()),
  });
}

beforeEach(() => void nft('flush ruleset'));
afterAll(() => void nft('flush ruleset'));

describe.each(FAMILIES)('the nftables backend on the kernel, %s', (family) => {
  for (const { title, run } of contractCases({ family, createKernel: () => createKernel(family) }))
    it(title, run);
});

/** Kernels that lack a part: a User-Mode Linux forgets its modules and cannot load them again. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { ACCOUNTING_OBJECTS, createExecDriver, whyNoAccounting } from '@signalbox/backend-iptables';
import { createAccountingClient } from '@signalbox/netlink';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { openPacketCounters } from './packet-counters.ts';

const LOADER = '/proc/sys/kernel/modprobe';
const held = { loader: '' };
const NAMES = Object.values(ACCOUNTING_OBJECTS);
const filter = (): string => execFileSync('iptables-legacy-save', ['-t', 'filter'], { encoding: 'utf8' });

const MODULES = ['xt_nfacct', 'nfnetlink_acct'];
const MOST_ROUNDS = 600;

/** A namespace that an earlier test deleted uses its modules until the kernel has freed it. */
async function unload(): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    for (const module of MODULES) spawnSync('rmmod', [module]);
    const loaded = readFileSync('/proc/modules', 'utf8').split('\n');
    if (!loaded.some((line) => MODULES.includes(line.split(' ')[0] ?? ''))) return;
    await setTimeout(100);
  }
}

async function opened() {
  const lines: string[] = [];
  const { logger } = createLogging(
    { format: 'text', verbosity: 2, vmodule: [] },
    { write: (line) => lines.push(line), now: () => 0, pid: 1 },
  );
  const counters = await openPacketCounters(['IPv4'], logger);
  counters?.close();
  return { counters, lines };
}

beforeEach(async () => {
  held.loader = readFileSync(LOADER, 'utf8').trim();
  const client = createAccountingClient();
  await client.delete(NAMES);
  client.close();
  // This kernel has no nf_tables, and so its node a kubelet that uses the legacy variant.
  execFileSync('iptables-legacy', ['-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT']);
  filter(); // brings the table to life while its module can still be loaded
  await unload();
});
afterEach(() => {
  writeFileSync(LOADER, held.loader);
  execFileSync('iptables-legacy', ['-t', 'mangle', '-X', 'KUBE-IPTABLES-HINT']);
});

describe('packet counters of a kernel', () => {
  it('F162 F163: with both modules are there', async () => {
    const { counters, lines } = await opened();
    expect([[...(counters?.drivers.keys() ?? [])], lines]).toEqual([['IPv4'], []]);
  });

  it('F162 F163: without nfnetlink_acct are not, and that is no error', async () => {
    writeFileSync(LOADER, '/bin/false');
    const { counters, lines } = await opened();
    expect(counters).toBeNull();
    expect(lines.join('')).toMatch(/^I.*"Packets are not counted".*EINVAL/);
  });

  it('F162 F163: with the objects but without xt_nfacct are not, and nothing of the attempt stays', async () => {
    const client = createAccountingClient();
    expect(await client.ensure(['loads-the-module'])).toEqual({ ok: true, value: null });
    await client.delete(['loads-the-module']);
    writeFileSync(LOADER, '/bin/false');
    const before = filter();
    const { counters, lines } = await opened();
    expect(counters).toBeNull();
    expect(lines.join('')).toMatch(
      /^I.*"Packets are not counted" why="IPv4: iptables-legacy-restore: exit status 1/,
    );
    expect(filter().replace(/^#.*$/gm, '')).toBe(before.replace(/^#.*$/gm, ''));
    expect(await client.read(NAMES)).toEqual({ ok: true, value: [] });
    client.close();
    const driver = createExecDriver({ family: 'IPv4', variant: 'legacy' });
    expect(await whyNoAccounting(driver, NAMES)).toMatchObject({ code: 'rejected', kernel: 'unchanged' });
  });
});

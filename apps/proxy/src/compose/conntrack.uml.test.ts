/** The module nf_conntrack of a kernel that a test may unload it from. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConntrack } from './flow-cleaner.ts';

const SETTING = '/proc/sys/net/netfilter/nf_conntrack_max';
const LOADER = '/proc/sys/kernel/modprobe';
const loader = readFileSync(LOADER, 'utf8').trim();

const MOST_ROUNDS = 600;

/** Modules that others use go in a later round, those of a namespace that was deleted when the kernel has freed it. */
async function unload(): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const modules = readFileSync('/proc/modules', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '');
    const users = modules.filter((name) => /^(nf_|nfnetlink|xt_|ip_vs|ip6?t|ip6?table|ip_set)/.test(name));
    for (const name of users) spawnSync('rmmod', [name]);
    if (!existsSync(SETTING)) return;
    await setTimeout(100);
  }
}

afterAll(() => writeFileSync(LOADER, loader));

describe('nf_conntrack', () => {
  it('F94: is loaded by a request over netlink, with no modprobe run by this process', async () => {
    await unload();
    expect(existsSync(SETTING)).toBe(false);
    const { PATH } = process.env;
    process.env['PATH'] = '/nonexistent';
    expect(await loadConntrack()).toBeNull();
    process.env['PATH'] = PATH;
    expect(existsSync(SETTING)).toBe(true);
  });

  it('F94: that the kernel cannot load is named in one line', async () => {
    await unload();
    writeFileSync(LOADER, '/bin/false');
    // EINVAL where nfnetlink is still loaded: the request fails then, and the socket otherwise.
    const reason = await loadConntrack();
    expect(reason).toMatch(/^[^\n]*(EINVAL|EPROTONOSUPPORT)[^\n]*$/);
    expect(reason).toContain('IPCTNL_MSG_CT_GET');
    expect(existsSync(SETTING)).toBe(false);
  });
});

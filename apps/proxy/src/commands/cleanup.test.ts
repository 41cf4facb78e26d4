import { backendError } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { recordingBackend, recordingComposition } from '../testing/composition.ts';
import { settingsOf } from '../testing/settings.ts';
import { cleanup } from './cleanup.ts';

function world(results: Record<string, Awaited<ReturnType<ReturnType<typeof recordingBackend>['cleanup']>>>) {
  const cleaners = ['iptables', 'ipvs', 'nftables'].map((mode) => {
    const backend = recordingBackend('IPv4', mode);
    const result = results[mode];
    const family = 'IPv4' as const;
    return {
      mode,
      family,
      clean: () => (result === undefined ? backend.cleanup() : Promise.resolve(result)),
    };
  });
  const lines: string[] = [];
  const log = createLogging(
    { format: 'text', verbosity: 0, vmodule: [] },
    { write: (line) => lines.push(line), now: () => 0, pid: 1 },
  );
  const composition = { ...recordingComposition(), createCleaners: () => cleaners };
  const printed: string[] = [];
  const options = { settings: settingsOf(['--cleanup']), composition, logger: log.logger };
  return { run: () => cleanup({ ...options, print: (text) => void printed.push(text) }), lines, printed };
}

describe('--cleanup', () => {
  it('F3 F86: removes the objects of every mode and reports them', async () => {
    const { run, lines } = world({ iptables: { outcome: 'ok', removed: ['12 chains'] } });
    expect(await run()).toEqual({ status: 0, errors: [] });
    expect(lines.join('')).toContain('"Removed" mode="iptables" family="IPv4" removed="12 chains"');
  });

  it('F86: prints one line for each kind of objects that was removed', async () => {
    const { run, printed } = world({
      iptables: { outcome: 'ok', removed: ['3 jumps in table nat (nft)', '12 chains in table nat (nft)'] },
      nftables: { outcome: 'ok', removed: ['table ip kube-proxy'] },
    });
    await run();
    expect(printed.join('')).toBe(
      'Removed: iptables (IPv4): 3 jumps in table nat (nft)\n' +
        'Removed: iptables (IPv4): 12 chains in table nat (nft)\n' +
        'Removed: nftables (IPv4): table ip kube-proxy\n',
    );
  });

  it('F86: prints that nothing had to be removed, but not where a mode could not be cleaned', async () => {
    const clean = world({});
    await clean.run();
    expect(clean.printed.join('')).toBe('Nothing to remove: this node has no rules of any proxy mode\n');
    const error = backendError('busy', 'iptables-restore', 'the lock is held');
    const locked = world({ iptables: { outcome: 'failed', error } });
    await locked.run();
    expect(locked.printed).toEqual([]);
  });

  it('F86: an error in one mode does not spare the others, and the status is 1', async () => {
    const { run, lines } = world({
      iptables: { outcome: 'failed', error: backendError('busy', 'iptables-restore', 'the lock is held') },
      nftables: { outcome: 'ok', removed: ['table ip kube-proxy'] },
    });
    const { status, errors } = await run();
    expect(status).toBe(1);
    expect(errors[0]).toContain('cleanup of iptables (IPv4): iptables-restore: the lock is held');
    expect(lines.join('')).toContain('table ip kube-proxy');
  });

  it.each([
    [0, 'spawn iptables ENOENT'],
    [1, 'killed by SIGKILL'],
  ])('F88: the status is %i where the tool ends with %s', async (status, message) => {
    const error = backendError('unavailable', 'iptables-save', message, { kernel: 'unchanged' });
    const { run } = world({ iptables: { outcome: 'failed', error } });
    expect((await run()).status).toBe(status);
  });

  it('F88: a kernel that cannot do a mode has nothing of it to remove', async () => {
    const error = backendError('unsupported', 'CTRL_CMD_GETFAMILY', 'this kernel has no IPVS');
    const { run } = world({ ipvs: { outcome: 'failed', error } });
    expect(await run()).toEqual({ status: 0, errors: [] });
  });
});

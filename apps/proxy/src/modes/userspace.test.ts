import { backendError, FAMILIES } from '@signalbox/core';
import { describe, expect, it, vi } from 'vitest';
import { settingsOf, settingsOfFile } from '../testing/settings.ts';
import type { NodeFacts } from './proxy-mode.ts';
import { fewFiles, oneThread, USERSPACE, userspaceOptions } from './userspace.ts';

vi.mock(import('@signalbox/backend-userspace'), async (original) => ({
  ...(await original()),
  createServiceDevice: () =>
    Promise.resolve(backendError('rejected', 'RTM_NEWLINK', 'refused', { kernel: 'unchanged' })),
}));

const withFlags = (...flags: readonly string[]) => settingsOf(['--proxy-mode=userspace', ...flags]);

describe('the flags of userspace mode', () => {
  it.each([
    ['--userspace-map=10.96.0.0/16', '--userspace-map: "10.96.0.0/16" is not CIDR=CIDR'],
    ['--userspace-map=10.96.0.0/16=127.0.0.0/8', '--userspace-map: "10.96.0.0/16=127.0.0.0/8": both ranges'],
    ['--udp-timeout=0s', '--udp-timeout: 0s is not allowed (1ms to '],
    ['--userspace-tcp-idle-timeout=-1s', '--userspace-tcp-idle-timeout: -1s is not allowed'],
    ['--userspace-workers=0', '--userspace-workers: 0 is not allowed (1 to 32)'],
    ['--userspace-workers=33', '--userspace-workers: 33 is not allowed (1 to 32)'],
    ['--userspace-drain-timeout=1000h', '--userspace-drain-timeout: 1000h0m0s is not allowed (0s to '],
  ])('%s ends the start with an error that names it', async (flag, error) => {
    expect(await USERSPACE.sysctls(withFlags(flag))).toContain(error);
  });

  it('count beside a configuration file too', async () => {
    const flags = [
      '--userspace-map=10.96.0.0/16=127.96.0.0/16,10.97.0.0/16=127.97.0.0/16',
      '--udp-timeout=5s',
      '--userspace-drain-timeout=0s',
      '--userspace-workers=3',
    ];
    for (const settings of [withFlags(...flags), settingsOfFile('mode: userspace\n', flags)]) {
      expect(await USERSPACE.sysctls(settings)).toEqual([]);
      const { mappings, ...timeouts } = await userspaceOptions(settings);
      expect(mappings?.map(({ to }) => to.text)).toEqual(['127.96.0.0/16', '127.97.0.0/16']);
      expect(timeouts).toEqual({ udpTimeout: 5000, drainTimeout: 0, workers: 3 });
    }
  });

  it('are optional', async () => {
    expect(await USERSPACE.sysctls(withFlags())).toEqual([]);
    expect(await userspaceOptions(withFlags())).toEqual({ mappings: [] });
  });
});

describe('--userspace-workers where threads cannot share a port', () => {
  it('is reported once more than one is requested', () => {
    const reason = 'threads cannot share a port';
    expect(oneThread(withFlags('--userspace-workers=4'), reason)).toEqual([
      '--userspace-workers: 4 has no effect: threads cannot share a port',
    ]);
    expect(oneThread(withFlags('--userspace-workers=4'), null)).toEqual([]);
    expect(oneThread(withFlags('--userspace-workers=1'), reason)).toEqual([]);
    expect(oneThread(withFlags(), reason)).toEqual([]);
  });
});

describe('ipvs.strictARP', () => {
  it('is set by --init-only, for a process that may assign addresses but not write settings', async () => {
    const paths = async (...flags: readonly string[]) => {
      const sysctls = await USERSPACE.sysctls(withFlags(...flags));
      return typeof sysctls === 'string' ? sysctls : sysctls.map(({ path, value }) => [path, value]);
    };
    expect(await paths('--init-only', '--ipvs-strict-arp')).toEqual([
      ['net/ipv4/conf/all/arp_ignore', '1'],
      ['net/ipv4/conf/all/arp_announce', '2'],
    ]);
    expect(await paths('--init-only')).toEqual([]);
    expect(await paths('--ipvs-strict-arp')).toEqual([]);
  });
});

describe('a device that cannot be created', () => {
  it('is reported once for both families, and again after another mode in between', async () => {
    const settings = withFlags();
    const messages: string[] = [];
    const facts: NodeFacts = {
      nodeIP: () => null,
      syncPeriod: () => 30_000,
      counters: null,
      onNotice: ({ message }) => void messages.push(message),
    };
    const count = async (): Promise<number> => {
      const backends = [];
      for (const family of FAMILIES) backends.push(await USERSPACE.createBackend(settings, family, facts));
      for (const backend of backends) await backend.close();
      return messages.length;
    };
    expect([await count(), await count()]).toEqual([1, 2]);
    expect(messages[0]).toContain('RTM_NEWLINK: refused');
  });
});

describe('a limit of open files', () => {
  it('is a warning at start where it does not suffice for 20,000 connections', () => {
    expect(fewFiles({ connections: 448, openFiles: 1024 })).toEqual([
      'open files are limited to 1024 (ulimit -n), which suffices for 448 connections at a time: more are reset',
    ]);
    expect(fewFiles({ connections: 20_000, openFiles: 42_000 })).toEqual([]);
  });
});

import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { fakeFiles } from '../testing/files.ts';
import { settingsOf } from '../testing/settings.ts';
import { applyConntrack, conntrackMax } from './conntrack-settings.ts';
import { startConntrack } from './conntrack-start.ts';

const NF = '/proc/sys/net/netfilter';
const MAX = `${NF}/nf_conntrack_max`;
const HASHSIZE = '/sys/module/nf_conntrack/parameters/hashsize';
const { conntrack } = settingsOf([]).config;
const FINE = { error: null, warning: null };
const NO_TIMEOUTS = { tcpEstablishedTimeout: 0, tcpCloseWaitTimeout: 0 };

describe('connection tracking limits', () => {
  it.each([
    ['0 per core leaves the limit alone, and ignores the floor', { maxPerCore: 0, min: 5 }, 8, 0],
    ['cores times per core', { maxPerCore: 32_768, min: 131_072 }, 8, 262_144],
    ['the floor', { maxPerCore: 32_768, min: 131_072 }, 2, 131_072],
    ['the cap of cores times per core', { maxPerCore: 32_768, min: 131_072 }, 64, 1_048_576],
    ['a floor above the cap', { maxPerCore: 32_768, min: 2_000_000 }, 2, 2_000_000],
    ['a floor above the cap with many cores', { maxPerCore: 1_000_000, min: 2_000_000 }, 64, 2_000_000],
  ])('F94 F39 F40: %s', (_, limits, cores, expected) => {
    expect(conntrackMax({ ...conntrack, ...limits }, cores)).toBe(expected);
  });

  it('F94: writes what differs, in whole seconds, and makes the hash table follow', () => {
    const { files, written } = fakeFiles({
      [MAX]: '65536',
      [`${NF}/nf_conntrack_tcp_timeout_established`]: '432000',
      [`${NF}/nf_conntrack_tcp_timeout_close_wait`]: '3600',
      [HASHSIZE]: '16384',
    });
    expect(applyConntrack(files, { ...conntrack, tcpBeLiberal: true, udpTimeout: 1500 }, 4)).toEqual(FINE);
    expect(written).toEqual([
      `${MAX}=131072`,
      `${NF}/nf_conntrack_tcp_timeout_established=86400`,
      `${NF}/nf_conntrack_tcp_be_liberal=1`,
      `${NF}/nf_conntrack_udp_timeout=1`,
      `${HASHSIZE}=32768`,
    ]);
  });

  it('F94 F43: zero leaves a timeout alone, false never resets be_liberal, a large table stays', () => {
    const { files, written } = fakeFiles({
      [MAX]: '131072',
      [HASHSIZE]: '65536',
      [`${NF}/nf_conntrack_tcp_be_liberal`]: '1',
    });
    expect(applyConntrack(files, { ...conntrack, ...NO_TIMEOUTS }, 4)).toEqual(FINE);
    expect(written).toEqual([]);
  });

  it('F94: a larger limit is never lowered, and is no error where it cannot be written', () => {
    const content = { [MAX]: '262144', [HASHSIZE]: '65536' };
    const { files, written } = fakeFiles(content, { [MAX]: 'EROFS' });
    expect(applyConntrack(files, { ...conntrack, ...NO_TIMEOUTS }, 4)).toEqual(FINE);
    expect(written).toEqual([]);
  });

  it.each([
    ['EROFS', 'the file system is read-only'],
    ['EACCES', 'no permission'],
    ['EPERM', 'no permission'],
    ['ENOENT', 'its module may not be loaded'],
  ])('F94: %s names the setting, the value and the cure', (code, cure) => {
    const { files } = fakeFiles({ [MAX]: '1' }, { [MAX]: code });
    const { error } = applyConntrack(files, { ...conntrack, maxPerCore: 1, min: 7777 }, 4);
    expect(error).toContain(`cannot set ${MAX} to 7777 (it is 1)`);
    expect(error).toContain(cure);
  });

  it('F94: a hash table that cannot grow is a warning: the limit is what was asked for', () => {
    const { files, written } = fakeFiles({ [MAX]: '65536', [HASHSIZE]: '16384' }, { [HASHSIZE]: 'EROFS' });
    const { error, warning } = applyConntrack(files, { ...conntrack, ...NO_TIMEOUTS }, 4);
    expect({ error, written }).toEqual({ error: null, written: [`${MAX}=131072`] });
    expect(warning).toContain(`cannot set ${HASHSIZE} to 32768 (it is 16384)`);
  });
});

/** A node without nf_conntrack; `loads` is what a request to load it does to the files. */
function nodeWithout(loads: Record<string, string>, failing: Record<string, string> = {}) {
  const content: Record<string, string> = {};
  const { files, written } = fakeFiles(content, failing);
  const lines: string[] = [];
  const { logger } = createLogging(
    { format: 'text', verbosity: 0, vmodule: [] },
    { write: (line) => lines.push(line), now: () => 0, pid: 1 },
  );
  const clock = createManualClock();
  const limits = { ...conntrack, ...NO_TIMEOUTS, maxPerCore: 1, min: 5000 };
  const load = (): Promise<string | null> => {
    Object.assign(content, loads);
    return Promise.resolve(MAX in loads ? null : 'IPCTNL_MSG_CT_GET: EPERM');
  };
  const start = () => startConntrack({ files, conntrack: limits, clock, logger, load });
  return { start, content, written, lines, clock };
}

describe('a kernel that has not loaded nf_conntrack', () => {
  it('F94: loads it before the settings are made', async () => {
    const { start, written, lines } = nodeWithout({ [MAX]: '1000' });
    expect(await start()).toBeNull();
    expect({ written, lines }).toEqual({ written: [`${MAX}=5000`], lines: [] });
  });

  it('F94: that cannot load it is one warning; the settings are made once a rule has loaded it', async () => {
    const { start, content, written, lines, clock } = nodeWithout({});
    expect(await start()).toBeNull();
    clock.advance(10_000);
    clock.advance(10_000);
    expect({ written, warnings: lines.length }).toEqual({ written: [], warnings: 1 });
    expect(lines[0]).toMatch(
      /^W.*"Conntrack settings do not exist in this kernel yet.*err="IPCTNL_MSG_CT_GET: EPERM"/,
    );
    content[MAX] = '1000';
    clock.advance(10_000);
    expect(written).toEqual([`${MAX}=5000`]);
    clock.advance(60_000);
    expect(lines.slice(1).join('')).toMatch(/^I[^\n]*Applied conntrack settings[^\n]*\n$/);
  });

  it('F94: a limit that cannot be raised then is an error in the log, and does not end the process', async () => {
    const { start, content, lines, clock } = nodeWithout({}, { [MAX]: 'EROFS' });
    await start();
    content[MAX] = '1000';
    clock.advance(10_000);
    expect(lines[1]).toMatch(/^E.*"Failed to set limits of connection tracking" err="cannot set /);
  });

  it('F94: a limit that is too small and cannot be raised ends the start', async () => {
    const { start } = nodeWithout({ [MAX]: '1000' }, { [MAX]: 'EROFS' });
    expect(await start()).toContain(`cannot set ${MAX} to 5000 (it is 1000)`);
  });
});

import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '@signalbox/core/system-clock';
import { settingsOfFile } from '../testing/settings.ts';
import { compareSettings, watchFile, type FileWatch } from './reload.ts';

const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'proxy-reload-'));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A folder as the kubelet makes it of a ConfigMap: files are links through `..data`, which is swapped. */
function configMapVolume(content: string): { readonly path: string; update(content: string): void } {
  const folder = temporaryFolder();
  let version = 0;
  const update = (text: string): void => {
    version += 1;
    mkdirSync(join(folder, `..v${version}`));
    writeFileSync(join(folder, `..v${version}`, 'config.conf'), text);
    symlinkSync(`..v${version}`, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  update(content);
  symlinkSync('..data/config.conf', join(folder, 'config.conf'));
  return { path: join(folder, 'config.conf'), update };
}

const read = (path: string): string => readFileSync(path, 'utf8');

function nextChange(path: string): Promise<string> {
  return new Promise((resolve) => {
    const watch: FileWatch = watchFile({
      path,
      content: read(path),
      read,
      clock: systemClock,
      onChange: resolve,
    });
    cleanups.push(() => watch.stop());
  });
}

describe('following the configuration file', () => {
  it('F91: sees a ConfigMap update, which swaps a symbolic link beside the file', async () => {
    const volume = configMapVolume('a: 1\n');
    const change = nextChange(volume.path);
    volume.update('a: 2\n');
    expect(await change).toBe('a: 2\n');
  });

  it('F91: sees an edit in place and a replaced file', async () => {
    const path = join(temporaryFolder(), 'config.conf');
    writeFileSync(path, 'a: 1\n');
    const edited = nextChange(path);
    writeFileSync(path, 'a: 2\n');
    expect(await edited).toBe('a: 2\n');
    const replaced = nextChange(path);
    writeFileSync(`${path}.new`, 'a: 3\n');
    renameSync(`${path}.new`, path);
    expect(await replaced).toBe('a: 3\n');
  });

  it('looks now and then where the file system gives no hints; unchanged, empty and missing files are no news', () => {
    const clock = createManualClock();
    const changes: string[] = [];
    let content = 'a: 1\n';
    const reader = (): string => {
      if (content === 'missing') throw new Error('ENOENT');
      return content;
    };
    const options = { path: '/no/such/folder/file', content, read: reader, clock };
    watchFile({ ...options, onChange: (text) => changes.push(text) });
    for (const next of ['a: 1\n', '', 'missing', 'a: 2\n', 'a: 2\n']) {
      content = next;
      clock.advance(10_000);
    }
    expect(changes).toEqual(['a: 2\n']);
  });
});

describe('changes that a running proxy can apply', () => {
  it.each([
    ['logging: {verbosity: 4}\n', ['logging.verbosity'], []],
    [
      'iptables: {syncPeriod: 10s, minSyncPeriod: 2s, masqueradeAll: true}\n',
      ['iptables.masqueradeAll', 'iptables.syncPeriod', 'iptables.minSyncPeriod'],
      [],
    ],
    ['clusterCIDR: 10.0.0.0/8\n', ['clusterCIDR'], []],
    ['nodePortAddresses: [10.0.0.0/8]\n', ['nodePortAddresses'], []],
    [
      'mode: ipvs\nipvs: {scheduler: lc, syncPeriod: 20s}\niptables: {masqueradeBit: 15}\n',
      [
        'iptables.masqueradeBit',
        'iptables.minSyncPeriod',
        'iptables.syncPeriod',
        'ipvs.scheduler',
        'ipvs.syncPeriod',
        'mode',
      ],
      [],
    ],
    [
      'mode: ipvs\noomScoreAdj: -998\n',
      ['iptables.minSyncPeriod', 'iptables.syncPeriod', 'ipvs.syncPeriod', 'mode'],
      ['oomScoreAdj'],
    ],
    ['ipvs: {scheduler: lc}\n', [], ['ipvs.scheduler']],
    ['iptables: {masqueradeBit: 15}\nclusterCIDR: 10.0.0.0/8\n', ['clusterCIDR'], ['iptables.masqueradeBit']],
    ['metricsBindAddress: 127.0.0.1:1234\n', [], ['metricsBindAddress']],
  ])('F91: %j', (body, live, restart) => {
    const change = compareSettings(settingsOfFile(''), settingsOfFile(body));
    expect({ live: change.live.toSorted(), restart: change.restart }).toEqual({
      live: live.toSorted(),
      restart,
    });
  });

  it.each([
    ['[10.0.0.0/8]', '[primary]', 'live'],
    ['[10.0.0.0/8]', '[192.0.2.0/24]', 'live'],
    ['[]', '[10.0.0.0/8]', 'live'],
    ['[10.0.0.0/8]', '[]', 'restart'],
    ['[primary]', '[127.0.0.0/8]', 'restart'],
    ['[0.0.0.0/0]', '[127.0.0.0/8]', 'live'],
  ] as const)('F91 S40: node port addresses from %s to %s: %s', (from, to, how) => {
    const file = (addresses: string) => settingsOfFile(`nodePortAddresses: ${addresses}\n`);
    expect(compareSettings(file(from), file(to))[how]).toEqual(['nodePortAddresses']);
  });

  it('F91: where nothing answers at loopback, all of them are live', () => {
    const file = (addresses: string) =>
      settingsOfFile(`iptables: {localhostNodePorts: false}\nnodePortAddresses: ${addresses}\n`);
    expect(compareSettings(file('[primary]'), file('[]')).restart).toEqual([]);
    const ipvs = (addresses: string) => settingsOfFile(`mode: ipvs\nnodePortAddresses: ${addresses}\n`);
    expect(compareSettings(ipvs('[primary]'), ipvs('[]')).restart).toEqual([]);
  });

  it('a change of comments changes nothing', () => {
    expect(compareSettings(settingsOfFile(''), settingsOfFile('# hello\n'))).toEqual({
      live: [],
      restart: [],
    });
  });
});

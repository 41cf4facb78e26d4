import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Source } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createManifestSource, type ManifestSourceOptions } from './manifest-source.ts';
import { brief, createRecorder, service } from './testing/recorder.ts';

interface Stage {
  readonly folder: string;
  readonly clock: ManualClock;
  readonly recorder: ReturnType<typeof createRecorder>;
  readonly write: (file: string, text: string) => void;
  /** What the source delivers for the files as they are now, up to the arrival of a sentinel object. */
  readonly look: () => Promise<string[]>;
}

const stage: { now: Stage; sources: Source[] } = { now: undefined as never, sources: [] };

function startSource(options: Partial<ManifestSourceOptions> = {}): Source {
  const { folder, clock, recorder } = stage.now;
  const watch = options.watch ?? (() => Promise.resolve({ active: true, close: () => undefined }));
  const source = createManifestSource({ path: folder, clock, watch, ...options });
  stage.sources.push(source);
  source.start(recorder.handlers);
  return source;
}

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-manifests-'));
  const clock = createManualClock();
  const recorder = createRecorder();
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  let round = 0;
  const look = async (): Promise<string[]> => {
    const from = recorder.events.length;
    const sentinel = `sentinel-${++round}`;
    // Twice: what the first poll deferred is applied by the second, and the sentinel comes with the second.
    for (const name of [`${sentinel}-first`, sentinel]) {
      await clock.waitForTimer(() => true);
      write('zz.yaml', service(name));
      clock.advance(60_000);
      await recorder.until(() => recorder.events.some((e) => brief(e).includes(`${name}:`)));
    }
    return recorder.events
      .slice(from)
      .map(brief)
      .filter((line) => !line.includes('sentinel'));
  };
  stage.now = { folder, clock, recorder, write, look };
});

afterEach(async () => {
  for (const source of stage.sources.splice(0)) await source.stop();
  rmSync(stage.now.folder, { recursive: true, force: true });
});

async function startedWith(files: Record<string, string>): Promise<void> {
  for (const [file, text] of Object.entries(files)) stage.now.write(file, text);
  startSource();
  await stage.now.recorder.until(() => stage.now.recorder.synced.length === 4);
}

describe('createManifestSource', () => {
  it('delivers the objects of the folder, then reports all four resources as synced', async () => {
    await startedWith({ 'b.yml': service('b'), 'a.yaml': service('a') });
    expect(stage.now.recorder.events.map(brief)).toEqual(['+ Service a:80', '+ Service b:80']);
    expect(stage.now.recorder.synced).toEqual(['Service', 'EndpointSlice', 'Node', 'ServiceCIDR']);
  });

  it('delivers changes, additions and removals, and no unchanged object', async () => {
    await startedWith({ 'a.yaml': `${service('a')}---\n${service('b')}`, 'c.yaml': service('c') });
    stage.now.write('a.yaml', `# moved\n${service('b', 81)}`);
    rmSync(join(stage.now.folder, 'c.yaml'));
    stage.now.write('d.yaml', service('d'));
    expect((await stage.now.look()).sort()).toEqual([
      '+ Service b:81',
      '+ Service d:80',
      '- Service default/a',
      '- Service default/c',
    ]);
    expect(await stage.now.look()).toEqual([]);
  });

  it('keeps the objects of a file while it is not YAML, and reports each such content once', async () => {
    await startedWith({ 'a.yaml': service('a') });
    stage.now.write('a.yaml', 'apiVersion: [\n');
    expect(await stage.now.look()).toEqual([]);
    expect(stage.now.recorder.problems.map((p) => p.code)).toEqual(['bad-yaml']);
    stage.now.write('a.yaml', service('a', 8080));
    expect(await stage.now.look()).toEqual(['+ Service a:8080']);
    expect(stage.now.recorder.problems).toHaveLength(1);
  });

  it('skips one bad document alone', async () => {
    await startedWith({ 'a.yaml': `${service('a')}---\n${service('b')}` });
    stage.now.write('a.yaml', `kind: Service\n---\n${service('b')}`);
    expect(await stage.now.look()).toEqual(['- Service default/a']);
    expect(stage.now.recorder.problems.map((p) => p.message)).toEqual([
      'a.yaml: document 1 (line 1): apiVersion: required; document ignored',
    ]);
  });

  it('keeps what a document that is not YAML defined, and follows the others of its file', async () => {
    await startedWith({ 'a.yaml': `${service('a')}---\n${service('b')}---\n${service('c')}` });
    stage.now.write('a.yaml', `kind: [\n---\n${service('b', 81)}`);
    expect(await stage.now.look()).toEqual(['+ Service b:81']);
    expect(stage.now.recorder.problems.map((p) => p.code)).toEqual(['bad-yaml']);
    stage.now.write('a.yaml', `${service('a', 81)}---\n${service('b', 81)}`);
    expect((await stage.now.look()).sort()).toEqual(['+ Service a:81', '- Service default/c']);
  });

  it('keeps the objects of an empty or absent file for one more poll: editors write in steps', async () => {
    const { clock, recorder, folder, write } = stage.now;
    await startedWith({ 'a.yaml': service('a'), 'b.yaml': service('b') });
    await clock.waitForTimer(() => true);
    write('a.yaml', '');
    rmSync(join(folder, 'b.yaml'));
    clock.advance(2_000);
    await clock.waitForTimer((timer) => timer.delayMs === 100);
    write('a.yaml', service('a', 81));
    write('b.yaml', service('b'));
    write('c.yaml', service('c'));
    clock.advance(100);
    await recorder.until(() => recorder.events.length === 4);
    expect(recorder.events.slice(2).map(brief)).toEqual(['+ Service a:81', '+ Service c:80']);
    write('a.yaml', '');
    expect(await stage.now.look()).toEqual(['- Service default/a']);
  });

  it('keeps them each time that an editor empties the file first', async () => {
    const { clock, recorder, write } = stage.now;
    await startedWith({ 'a.yaml': service('a') });
    for (const port of [81, 82, 83]) {
      await clock.waitForTimer(() => true);
      write('a.yaml', '');
      clock.advance(2_000);
      await clock.waitForTimer(() => true);
      write('a.yaml', service('a', port));
      clock.advance(2_000);
      await recorder.until(() => recorder.events.some((event) => brief(event) === `+ Service a:${port}`));
    }
    expect(recorder.events.map(brief)).toEqual([80, 81, 82, 83].map((port) => `+ Service a:${port}`));
  });

  it('follows the atomic swap of a mounted ConfigMap and ignores hidden files and other file types', async () => {
    const { folder, recorder } = stage.now;
    const put = (version: string, text: string): void => {
      mkdirSync(join(folder, `..${version}`));
      writeFileSync(join(folder, `..${version}`, 'a.yaml'), text);
      symlinkSync(`..${version}`, join(folder, '..next'));
      renameSync(join(folder, '..next'), join(folder, '..data'));
    };
    put('1', service('a'));
    symlinkSync('..data/a.yaml', join(folder, 'a.yaml'));
    mkdirSync(join(folder, 'folder.yaml'));
    await startedWith({
      '.a.yaml': service('hidden'),
      '.a.yaml.swp': 'x',
      '#a.yaml': '[',
      'a.yaml~': '[',
      'notes.txt': '[',
    });
    put('2', service('a', 81));
    expect(await stage.now.look()).toEqual(['+ Service a:81']);
    expect(recorder.problems).toEqual([]);
  });

  it('waits for a folder that is missing, and keeps its objects when the folder goes away', async () => {
    const { folder, recorder, clock, write } = stage.now;
    rmSync(folder, { recursive: true });
    startSource();
    await recorder.until(() => recorder.problems.length === 1);
    expect(recorder.problems[0]?.code).toBe('path-unreadable');
    expect(recorder.problems[0]?.message).toContain(folder);
    expect(recorder.synced).toEqual([]);
    await clock.waitForTimer(() => true);
    mkdirSync(folder);
    write('a.yaml', service('a'));
    clock.advance(2_000);
    await recorder.until(() => recorder.synced.length === 4);
    await clock.waitForTimer(() => true);
    rmSync(folder, { recursive: true });
    clock.advance(2_000);
    await recorder.until(() => recorder.problems.length === 2);
    mkdirSync(folder);
    write('a.yaml', service('a'));
    expect(await stage.now.look()).toEqual([]);
  });

  it('reports a missing folder once, however often it is looked for', async () => {
    const { folder, recorder, clock } = stage.now;
    rmSync(folder, { recursive: true });
    startSource();
    for (let poll = 0; poll < 4; poll++) {
      await clock.waitForTimer(() => true);
      clock.advance(2_000);
    }
    await clock.waitForTimer(() => true);
    expect(recorder.problems.map(({ code }) => code)).toEqual(['path-unreadable']);
  });

  it('delivers nothing of a scan during which it is stopped', async () => {
    const { recorder, write } = stage.now;
    write('a.yaml', service('a'));
    write('b.yaml', '[');
    await startSource().stop();
    expect([recorder.events, recorder.problems, recorder.synced]).toEqual([[], [], []]);
  });

  it('is not stopped by handlers that throw', async () => {
    const { folder, clock, recorder, write } = stage.now;
    write('a.yaml', service('a'));
    const source = createManifestSource({ path: folder, clock });
    stage.sources.push(source);
    source.start({
      ...recorder.handlers,
      onEvents: () => {
        throw new Error('not my day');
      },
      onProblem: (problem) => {
        recorder.handlers.onProblem(problem);
        throw new Error('nor mine');
      },
    });
    await recorder.until(() => recorder.problems.length === 1);
    expect(recorder.problems[0]).toEqual({ code: 'handler-failed', message: `${folder}: Error: not my day` });
    await clock.waitForTimer(() => true);
    write('a.yaml', service('b'));
    clock.advance(2_000);
    await recorder.until(() => recorder.problems.length === 2);
  });

  it('reads a single file', async () => {
    const { folder, recorder, clock, write } = stage.now;
    write('only.conf', service('a'));
    write('other.yaml', service('b'));
    startSource({ path: join(folder, 'only.conf') });
    await recorder.until(() => recorder.synced.length === 4);
    await clock.waitForTimer(() => true);
    write('only.conf', service('a', 81));
    clock.advance(2_000);
    await recorder.until(() => recorder.events.length === 2);
    expect(recorder.events.map(brief)).toEqual(['+ Service a:80', '+ Service a:81']);
  });

  it('keeps the objects of a file that became unreadable, and reports that once', async () => {
    const { folder, recorder } = stage.now;
    await startedWith({ 'a.yaml': service('a') });
    rmSync(join(folder, 'a.yaml'));
    // A link to itself cannot be read, not even by root.
    symlinkSync('a.yaml', join(folder, 'a.yaml'));
    expect(await stage.now.look()).toEqual([]);
    expect(recorder.problems.map((p) => p.code)).toEqual(['file-unreadable']);
    expect(recorder.problems[0]?.message).toContain(join(folder, 'a.yaml'));
  });

  it('reports a file again that was unreadable and was read in between with its former inode and times', async () => {
    const { folder, recorder } = stage.now;
    const link = join(folder, 'a.yaml');
    const pointTo = async (target: string): Promise<void> => {
      rmSync(link);
      symlinkSync(target, link);
      expect(await stage.now.look()).toEqual([]);
    };
    await startedWith({ 'a.txt': service('a') });
    symlinkSync('a.txt', link);
    expect(await stage.now.look()).toEqual(['+ Service a:80']);
    for (const target of ['a.yaml', 'a.txt', 'a.yaml']) await pointTo(target);
    expect(recorder.problems.map(({ code }) => code)).toEqual(['file-unreadable', 'file-unreadable']);
  });

  it('reads soon after the last hint, and not for ever later while hints keep coming', async () => {
    const { recorder, clock, write } = stage.now;
    const hints: (() => void)[] = [];
    startSource({
      watch: (_path, hint) => {
        hints.push(hint);
        return Promise.resolve({ active: true, close: () => undefined });
      },
    });
    await recorder.until(() => recorder.synced.length === 4);
    await clock.waitForTimer(() => true);
    write('a.yaml', service('a'));
    for (let elapsed = 0; elapsed < 1_000; elapsed += 50) {
      expect(recorder.events).toEqual([]);
      hints[0]?.();
      clock.advance(50);
    }
    await recorder.until(() => recorder.events.length === 1);
    await clock.waitForTimer(() => true);
    expect(clock.pending).toHaveLength(1);
  });

  it('sees changes by itself with the watch of the operating system, and is silent after stop', async () => {
    const { recorder, clock, write } = stage.now;
    const { watchPath } = await import('./watch-path.ts');
    const source = startSource({ watch: watchPath });
    await recorder.until(() => recorder.synced.length === 4);
    write('a.yaml', service('a'));
    await clock.waitForTimer((timer) => timer.delayMs === 100);
    clock.advance(100);
    await recorder.until(() => recorder.events.length === 1);
    await source.stop();
    write('a.yaml', service('a', 81));
    clock.advance(60_000);
    expect(clock.pending).toEqual([]);
    expect(recorder.events).toHaveLength(1);
  });
});

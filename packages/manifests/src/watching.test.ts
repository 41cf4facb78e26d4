/** Changes are detected by the watch, not only by polling: no poll is due in these tests. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Source } from '@signalbox/core';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createManifestSource } from './manifest-source.ts';
import { brief, createRecorder, service, type Recorder } from './testing/recorder.ts';
import { watchPath, type PathWatch, type WatchPath } from './watch-path.ts';

const POLL = 2_000;
const DEBOUNCE = 100;

interface Watched {
  readonly path: string;
  readonly hint: () => void;
  active: boolean;
  closed: number;
}

const held: { root: string; sources: Source[] } = { root: '', sources: [] };
beforeEach(() => {
  held.root = mkdtempSync(join(tmpdir(), 'signalbox-manifests-'));
});
afterEach(async () => {
  for (const source of held.sources.splice(0)) await source.stop();
  rmSync(held.root, { recursive: true, force: true });
});

/** Records every watch that the source creates. */
function createWatches(): { watches: Watched[]; watch: WatchPath } {
  const watches: Watched[] = [];
  const watch: WatchPath = (path, hint) => {
    const watched: Watched = { path, hint, active: true, closed: 0 };
    watches.push(watched);
    const handle: PathWatch = {
      get active() {
        return watched.active;
      },
      close() {
        watched.active = false;
        watched.closed += 1;
      },
    };
    return Promise.resolve(handle);
  };
  return { watches, watch };
}

interface Started {
  readonly recorder: Recorder;
  readonly clock: ManualClock;
  readonly source: Source;
}

async function started(path: string, watch: WatchPath): Promise<Started> {
  const [recorder, clock] = [createRecorder(), createManualClock()];
  const source = createManifestSource({ path, clock, watch });
  held.sources.push(source);
  source.start(recorder.handlers);
  await recorder.until(() => recorder.synced.length === 4);
  await clock.waitForTimer(() => true);
  return { recorder, clock, source };
}

async function poll({ clock }: Started): Promise<void> {
  clock.advance(POLL);
  await clock.waitForTimer(() => true);
}

/** The watch reports the change, and the files are read after the debounce time alone. */
async function seen({ clock, recorder }: Started, expected: string): Promise<void> {
  await clock.waitForTimer(({ delayMs }) => delayMs <= DEBOUNCE);
  clock.advance(DEBOUNCE);
  await recorder.until(() => recorder.events.map(brief).includes(expected));
  await clock.waitForTimer(() => true);
}

describe('the watch of a source', () => {
  it('is started again at the next poll after it ended by itself', async () => {
    const { watches, watch } = createWatches();
    const run = await started(held.root, watch);
    const [first] = watches;
    if (first === undefined) throw new Error('no watch');
    await poll(run);
    expect(watches).toHaveLength(1);
    first.active = false;
    await poll(run);
    expect(watches).toHaveLength(2);
    writeFileSync(join(held.root, 'a.yaml'), service('a'));
    watches[1]?.hint();
    await seen(run, '+ Service a:80');
  });

  it('moves to the folder that took the name, which is read again at once', async () => {
    const folder = join(held.root, 'manifests');
    mkdirSync(folder);
    const { watches, watch } = createWatches();
    const run = await started(folder, watch);
    renameSync(folder, join(held.root, 'old'));
    mkdirSync(folder);
    await poll(run);
    expect(watches.map(({ closed }) => closed)).toEqual([1]);
    writeFileSync(join(folder, 'a.yaml'), service('a'));
    await seen(run, '+ Service a:80');
    expect(watches.map(({ closed }) => closed)).toEqual([1, 0]);
  });

  it('ends when the folder is removed, and starts again when it is back', async () => {
    const folder = join(held.root, 'manifests');
    mkdirSync(folder);
    const { watches, watch } = createWatches();
    const run = await started(folder, watch);
    rmSync(folder, { recursive: true });
    await poll(run);
    expect(watches.map(({ closed }) => closed)).toEqual([1]);
    mkdirSync(folder);
    await poll(run);
    expect(watches.at(-1)?.active).toBe(true);
  });

  it('is closed by stop, and not earlier', async () => {
    const { watches, watch } = createWatches();
    const { source } = await started(held.root, watch);
    expect(watches.map(({ closed }) => closed)).toEqual([0]);
    await source.stop();
    expect(watches.map(({ closed }) => closed)).toEqual([1]);
  });

  it('reads once more when a hint came during the reading', async () => {
    const [recorder, clock] = [createRecorder(), createManualClock()];
    let hint = (): void => undefined;
    const watch: WatchPath = (_path, onHint) => {
      hint = onHint;
      return Promise.resolve({ active: true, close: () => undefined });
    };
    const source = createManifestSource({ path: held.root, clock, watch });
    held.sources.push(source);
    source.start({
      ...recorder.handlers,
      onSynced: (resource) => (hint(), recorder.handlers.onSynced(resource)),
    });
    await recorder.until(() => recorder.synced.length === 4);
    await clock.waitForTimer(() => true);
    expect(clock.pending.map(({ delayMs }) => delayMs)).toEqual([DEBOUNCE]);
  });
});

describe('the watch of the operating system', () => {
  it('reports a file that takes the place of the one that is read', async () => {
    const file = join(held.root, 'only.yaml');
    writeFileSync(file, service('a'));
    const run = await started(file, watchPath);
    for (const port of [81, 82]) {
      writeFileSync(join(held.root, 'draft'), service('a', port));
      renameSync(join(held.root, 'draft'), file);
      await seen(run, `+ Service a:${port}`);
    }
  });

  it('follows a folder that took the name of the former one', async () => {
    const folder = join(held.root, 'manifests');
    mkdirSync(folder);
    const run = await started(folder, watchPath);
    renameSync(folder, join(held.root, 'old'));
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.yaml'), service('a'));
    await seen(run, '+ Service a:80');
    await seen(run, '+ Service a:80');
    writeFileSync(join(folder, 'b.yaml'), service('b'));
    await seen(run, '+ Service b:80');
  });
});

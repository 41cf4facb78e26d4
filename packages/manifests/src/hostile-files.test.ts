/** Files other than manifests in a folder: none of them stops the source or keeps other files from being read. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Source } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createManifestSource } from './manifest-source.ts';
import { MAX_FILE_BYTES } from './read-file.ts';
import { brief, createRecorder, service, type Recorder } from './testing/recorder.ts';

const held: { folder: string; sources: Source[]; servers: Server[] } = {
  folder: '',
  sources: [],
  servers: [],
};
const at = (name: string): string => join(held.folder, name);
const fifo = (name: string): void => void execFileSync('mkfifo', [at(name)]);

beforeEach(() => {
  held.folder = mkdtempSync(join(tmpdir(), 'signalbox-manifests-'));
  writeFileSync(at('good.yaml'), service('good'));
});
afterEach(async () => {
  for (const source of held.sources.splice(0)) await source.stop();
  for (const server of held.servers.splice(0)) server.close();
  rmSync(held.folder, { recursive: true, force: true });
});

function start(path = held.folder): {
  recorder: Recorder;
  clock: ReturnType<typeof createManualClock>;
  source: Source;
} {
  const recorder = createRecorder();
  const clock = createManualClock();
  const watch = (): Promise<{ active: boolean; close: () => void }> =>
    Promise.resolve({ active: true, close: () => undefined });
  const source = createManifestSource({ path, clock, watch });
  held.sources.push(source);
  source.start(recorder.handlers);
  return { recorder, clock, source };
}

async function problemsBeside(make: () => void | Promise<void>): Promise<readonly string[]> {
  await make();
  const { recorder, clock } = start();
  await recorder.until(() => recorder.synced.length === 4);
  expect(recorder.events.map(brief)).toEqual(['+ Service good:80']);
  // Once, however often it is seen.
  await clock.waitForTimer(() => true);
  clock.advance(2_000);
  await clock.waitForTimer(() => true);
  return recorder.problems.map(({ code, message }) => `${code} ${message}`);
}

describe('a folder of manifests with other things in it', () => {
  const rows: readonly (readonly [string, () => void | Promise<void>, string])[] = [
    ['a FIFO', () => fifo('x.yaml'), 'is a FIFO, not a regular file'],
    [
      'a link to a FIFO',
      () => {
        fifo('pipe');
        symlinkSync('pipe', at('x.yaml'));
      },
      'is a FIFO, not a regular file',
    ],
    [
      'a socket',
      () =>
        new Promise((resolve) => {
          held.servers.push(createServer().listen(at('x.yaml'), resolve));
        }),
      'is a socket, not a regular file',
    ],
    ['a device without end', () => symlinkSync('/dev/zero', at('x.yaml')), 'is a device, not a regular file'],
    [
      'a file that is too large',
      () => {
        writeFileSync(at('x.yaml'), '');
        truncateSync(at('x.yaml'), MAX_FILE_BYTES + 1);
      },
      'is larger than 64 MiB',
    ],
    ['a link to itself', () => symlinkSync('x.yaml', at('x.yaml')), 'ELOOP'],
  ];
  it.each(rows)('reports %s once, and reads the file beside it', async (_, make, reason) => {
    const [problem, ...more] = await problemsBeside(make);
    expect(problem).toContain(`file-unreadable ${at('x.yaml')}: `);
    expect(problem).toContain(reason);
    expect(more).toEqual([]);
  });

  it('ignores a folder and a link without a target', async () => {
    const make = (): void => {
      mkdirSync(at('x.yaml'));
      symlinkSync('nowhere', at('y.yaml'));
    };
    expect(await problemsBeside(make)).toEqual([]);
  });

  it('keeps what a file defined when a FIFO takes its name, and stops at once', async () => {
    const { recorder, clock, source } = start();
    await recorder.until(() => recorder.synced.length === 4);
    await clock.waitForTimer(() => true);
    rmSync(at('good.yaml'));
    fifo('good.yaml');
    clock.advance(2_000);
    await recorder.until(() => recorder.problems.length === 1);
    await clock.waitForTimer(() => true);
    expect(recorder.events.map(brief)).toEqual(['+ Service good:80']);
    await source.stop();
    expect(clock.pending).toEqual([]);
  });

  it('reports a FIFO that is the path itself', async () => {
    fifo('pipe');
    const { recorder } = start(at('pipe'));
    await recorder.until(() => recorder.problems.length === 1);
    expect(recorder.problems[0]?.message).toContain('is a FIFO, not a regular file');
  });
});

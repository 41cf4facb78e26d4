import { createManualClock } from '@signalbox/core/testing';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FlowServicePort } from '@signalbox/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { stateFile, type StateFile } from '../node/state-file.ts';
import { memoryFile } from '../testing/composition.ts';
import { createFrontendRecord, decodeFrontends, encodeFrontends } from './frontend-record.ts';

const rig = { folder: '' };
beforeAll(async () => {
  rig.folder = await mkdtemp(path.join(tmpdir(), 'frontend-record-'));
});
afterAll(() => rm(rig.folder, { recursive: true }));

function servicePort(address: string): FlowServicePort {
  return {
    name: { protocol: 'SCTP' },
    frontends: [
      { kind: 'external-ip', address, port: 53 },
      { kind: 'node-port', port: 30_053 },
    ],
    servingEndpoints: [{ address: '10.244.1.5', port: 5353 }],
  };
}

function record(file: StateFile) {
  const clock = createManualClock();
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  const pass = async (milliseconds: number): Promise<void> => {
    clock.advance(milliseconds);
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
  };
  return { ...createFrontendRecord({ file, clock, logger }), pass, lines };
}

describe('the record of frontends', () => {
  it('holds the fields that distinguish the flows of service ports, and nothing else', () => {
    const list = [servicePort('203.0.113.80'), servicePort('2001:db8::1')];
    expect(decodeFrontends(encodeFrontends(list))).toEqual(list);
  });

  it.each([
    '',
    'null',
    '{"version":2,"servicePorts":[]}',
    '{"version":1,"servicePorts":{}}',
    '{"version":1,"servicePorts":[null]}',
    '{"version":1,"servicePorts":[{"name":{"protocol":"TCP"},"frontends":[],"servingEndpoints":[]}]}',
    '{"version":1,"servicePorts":[{"name":{"protocol":"UDP"},"frontends":[{"kind":"other"}],"servingEndpoints":[]}]}',
    '{"version":1,"servicePorts":[{"name":{"protocol":"UDP"},"frontends":[],"servingEndpoints":[{"port":1}]}]}',
  ])('is empty where the file holds %j', (text) => expect(decodeFrontends(text)).toEqual([]));

  it('is written at once, then once a second with the last state, and not again when it is the same', async () => {
    const file = memoryFile();
    const { keep, pass } = record(file);
    const [a, b, c] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => [servicePort(address)]);
    for (const list of [a, b, c]) keep(list ?? []);
    await pass(0);
    await pass(900);
    expect(file.texts).toEqual([encodeFrontends(a ?? [])]);
    await pass(100);
    expect(file.texts.slice(1)).toEqual([encodeFrontends(c ?? [])]);
    await pass(1000);
    keep(c ?? []);
    await pass(5000);
    expect(file.texts).toHaveLength(2);
  });

  it('that cannot be written is logged once, and tried again at the next change', async () => {
    const answers: (string | null)[] = ['EACCES: permission denied', 'EACCES: permission denied', null];
    const written: string[] = [];
    const write = (text: string): Promise<string | null> => {
      const error = answers.shift() ?? null;
      if (error === null) written.push(text);
      return Promise.resolve(error);
    };
    const { keep, pass, lines } = record({ read: () => Promise.resolve(null), write });
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
      keep([servicePort(address)]);
      await pass(1000);
      await pass(1000);
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"UDP and SCTP frontends are not kept for the next start" err="EACCES');
    expect(written).toEqual([encodeFrontends([servicePort('192.0.2.3')])]);
  });
});

describe('a file that outlives the process', () => {
  it('is replaced as a whole, for its user only, in a folder made for it', async () => {
    const file = stateFile(path.join(rig.folder, 'run/frontends.json'));
    expect(await file.read()).toBeNull();
    expect([await file.write('one'), await file.write('two'), await file.read()]).toEqual([
      null,
      null,
      'two',
    ]);
    expect(await readdir(path.join(rig.folder, 'run'))).toEqual(['frontends.json']);
    expect((await stat(path.join(rig.folder, 'run'))).mode & 0o777).toBe(0o700);
    expect((await stat(path.join(rig.folder, 'run/frontends.json'))).mode & 0o777).toBe(0o600);
  });

  it('that cannot be written is one line, and none to read', async () => {
    await writeFile(path.join(rig.folder, 'plain'), '');
    const file = stateFile(path.join(rig.folder, 'plain/frontends.json'));
    expect(await file.write('text')).toMatch(/^(EEXIST|ENOTDIR)[^\n]*plain/);
    expect(await file.read()).toBeNull();
  });
});

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@signalbox/core/system-clock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import type { ConnectionRecord } from '../modes/proxy-mode.ts';
import { CONNECTION } from '../testing/connection-record.ts';
import { createAccessLog, openAccessLog } from './access-log.ts';

const endpoint = { address: 'fd00:10:244::5', port: 8080 };
const RECORD: ConnectionRecord = {
  ...CONNECTION,
  client: { address: 'fd00:10:244::9', port: 40_000 },
  frontend: { address: 'fd00:10:96::10', port: 80 },
  endpoint,
  attempts: [
    { endpoint: { ...endpoint, port: 8081 }, at: 250, outcome: 'timeout' },
    { endpoint, at: 251, outcome: 'connected' },
  ],
  startedAt: 0,
  endedAt: 1500,
};
const LINE = {
  time: '1970-01-01T00:00:01.500Z',
  servicePort: 'shop/web:http',
  protocol: 'TCP',
  client: '[fd00:10:244::9]:40000',
  frontend: '[fd00:10:96::10]:80',
  endpoint: '[fd00:10:244::5]:8080',
  attempts: [
    { endpoint: '[fd00:10:244::5]:8081', outcome: 'timeout' },
    { endpoint: '[fd00:10:244::5]:8080', outcome: 'connected' },
  ],
  bytesIn: 5,
  bytesOut: 9,
  durationMs: 1500,
  cause: 'closed',
};

function logged() {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  return { logger, lines };
}

/** Writes that end when they are settled. */
function manualFile() {
  const texts: string[] = [];
  const pending: (() => void)[] = [];
  const append = (text: string): Promise<void> => {
    texts.push(text);
    return new Promise((resolve) => pending.push(resolve));
  };
  const settle = (): void => pending.shift()?.();
  return { texts, append, settle };
}

/** Empty: the pipe has no bytes now. */
function readAvailable(reader: number): string {
  const bytes = Buffer.alloc(1 << 16);
  try {
    return bytes.toString('utf8', 0, readSync(reader, bytes));
  } catch {
    return '';
  }
}

const linesOf = (text: string): number => text.split('\n').length - 1;

describe('the access log', () => {
  it('has a JSON line for each connection', async () => {
    const texts: string[] = [];
    const append = (text: string): Promise<void> => Promise.resolve(void texts.push(text));
    const log = createAccessLog(append, { path: 'log', logger: logged().logger });
    log.write(RECORD);
    log.write({ ...RECORD, endpoint: null, attempts: [], cause: 'not-allowed' });
    await log.close();
    const lines = texts.join('').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      LINE,
      { ...LINE, endpoint: null, attempts: [], cause: 'not-allowed' },
    ]);
  });

  it('drops and counts lines while a write does not end, beyond its buffer', async () => {
    const file = manualFile();
    const log = createAccessLog(file.append, { path: 'log', logger: logged().logger });
    for (let at = 0; at < 10_000; at++) log.write(RECORD);
    const dropped = log.dropped();
    expect(dropped).toBeGreaterThan(0);
    expect(file.texts).toHaveLength(1);
    const closed = log.close();
    file.settle();
    await vi.waitFor(() => expect(file.texts).toHaveLength(2));
    file.settle();
    await closed;
    expect(file.texts.map(linesOf)).toEqual([1, 9999 - dropped]);
    expect(file.texts[1]?.length).toBeLessThanOrEqual(1 << 20);
  });

  it('counts the lines of a failed write, and logs the outage and its end once', async () => {
    const { logger, lines } = logged();
    const outcomes = [new Error('ENOSPC'), new Error('ENOSPC'), null];
    const append = (): Promise<void> => {
      const outcome = outcomes.shift() ?? null;
      return outcome === null ? Promise.resolve() : Promise.reject(outcome);
    };
    const log = createAccessLog(append, { path: '/var/log/access.log', logger });
    for (let write = 0; write < 3; write++) {
      log.write(RECORD);
      await log.close();
    }
    expect(log.dropped()).toBe(2);
    expect(lines.filter((line) => line.includes('Failed to write the access log'))).toHaveLength(1);
    expect(lines.at(-1)).toMatch(/The access log can be written again.*dropped=2/);
  });
});

describe('the file of the access log', () => {
  const held = { folder: '' };
  beforeEach(() => void (held.folder = mkdtempSync(join(tmpdir(), 'proxy-access-log-'))));
  afterEach(() => rmSync(held.folder, { recursive: true }));

  it('is appended to, also after another process has truncated it', async () => {
    const path = join(held.folder, 'access.log');
    const log = await openAccessLog(path, { logger: logged().logger, clock: systemClock });
    log.write(RECORD);
    await vi.waitFor(() => expect(linesOf(readFileSync(path, 'utf8'))).toBe(1), { timeout: 60_000 });
    truncateSync(path);
    log.write(RECORD);
    await log.close();
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(LINE);
    const again = await openAccessLog(path, { logger: logged().logger, clock: systemClock });
    again.write(RECORD);
    await again.close();
    expect(linesOf(readFileSync(path, 'utf8'))).toBe(2);
  });

  it('may be a named pipe whose reader is slow: lines wait for it and stay complete', async () => {
    const path = join(held.folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { logger, lines } = logged();
    const log = await openAccessLog(path, { logger, clock: systemClock });
    const count = 1000;
    for (let at = 0; at < count; at++) log.write(RECORD);
    const closed = log.close();
    let text = '';
    await vi.waitFor(
      () => {
        text += readAvailable(reader);
        expect(linesOf(text)).toBe(count);
      },
      { timeout: 60_000 },
    );
    await closed;
    closeSync(reader);
    for (const line of text.trimEnd().split('\n')) expect(JSON.parse(line)).toEqual(LINE);
    expect(log.dropped()).toBe(0);
    expect(lines).toEqual([]);
  });

  it('may not be a named pipe without a reader, for which a write would wait', async () => {
    const path = join(held.folder, 'pipe');
    execFileSync('mkfifo', [path]);
    await expect(openAccessLog(path, { logger: logged().logger, clock: systemClock })).rejects.toThrow(
      'ENXIO',
    );
  });
});

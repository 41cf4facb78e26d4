import inspector from 'node:inspector';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const { platform, execArgv } = process;

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  inspector.close();
  process.removeAllListeners('SIGUSR1');
  Object.defineProperty(process, 'platform', { value: platform });
  process.execArgv = execArgv;
});

async function start(on: NodeJS.Platform, options: readonly string[] = []): Promise<void> {
  Object.defineProperty(process, 'platform', { value: on });
  process.execArgv = [...options];
  await import('./no-inspector.ts');
}

/** As a process on Windows opens it that starts a thread in this one. */
function openFromOutside(): void {
  inspector.open(0, '127.0.0.1');
  expect(inspector.url()).toBeDefined();
}

describe('an inspector that was not asked for', () => {
  it('is closed on Windows within 250 ms, each time', async () => {
    await start('win32');
    for (let time = 0; time < 2; time++) {
      openFromOutside();
      vi.advanceTimersByTime(250);
      expect(inspector.url()).toBeUndefined();
    }
  });

  it('is looked for where Node.js can be entered in this way only', async () => {
    await start('win32', ['--disable-sigusr1']);
    await start('linux');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('stays open where it was asked for', async () => {
    await start('win32', ['--inspect=0']);
    openFromOutside();
    vi.advanceTimersByTime(1000);
    expect(inspector.url()).toBeDefined();
  });
});

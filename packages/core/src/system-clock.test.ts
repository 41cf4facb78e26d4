import { spawnSync } from 'node:child_process';
import { stat } from 'node:fs';
import { execPath } from 'node:process';
import { describe, expect, it } from 'vitest';
import { backgroundClock, systemClock } from './system-clock.ts';

const FOREVER = Number.MAX_SAFE_INTEGER;

/** Status of a program whose only work is a timer of an hour of this clock. */
function statusWith(clock: 'systemClock' | 'backgroundClock'): number | null {
  const url = new URL('system-clock.ts', import.meta.url).href;
  const program = `import { ${clock} } from '${url}'; ${clock}.schedule(3_600_000, () => {});`;
  const options = { timeout: 20_000, killSignal: 'SIGKILL' } as const;
  return spawnSync(execPath, ['--input-type=module', '--eval', program], options).status;
}

describe.each([
  ['systemClock', systemClock],
  ['backgroundClock', backgroundClock],
])('%s', (_, clock) => {
  it('does not run a callback early whose delay exceeds 31 bits', async () => {
    const ran: string[] = [];
    const cancel = clock.schedule(FOREVER, () => ran.push('longest'));
    await new Promise<void>((resolve) => void systemClock.schedule(5, resolve));
    cancel();
    expect(ran).toEqual([]);
  });

  it('runs a callback without a delay before any timer, and not within the call', async () => {
    const ran: string[] = [];
    await new Promise<void>((resolve) => {
      // Input: timers that it sets run in the next turn of the event loop, however long this one takes.
      stat(execPath, () => {
        setTimeout(() => {
          ran.push('timer');
          resolve();
        }, 0);
        clock.schedule(0, () => ran.push('callback'));
        ran.push('call');
      });
    });
    expect(ran).toEqual(['call', 'callback', 'timer']);
  });

  it('runs no callback that was cancelled', async () => {
    const ran: string[] = [];
    clock.schedule(0, () => ran.push('cancelled'))();
    await new Promise<void>((resolve) => void systemClock.schedule(5, resolve));
    expect(ran).toEqual([]);
  });
});

describe('timers of backgroundClock', () => {
  it('do not keep the process running', () => {
    expect(statusWith('backgroundClock')).toBe(0);
  });
});

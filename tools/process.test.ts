import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { run, signalChildren, startNoMore, trackChild } from './process.mjs';

const { execPath } = process;

describe.skipIf(process.platform === 'win32')('the end of a suite', () => {
  it('ends the children that run, and starts no more', async () => {
    const waiting = run(execPath, ['-e', 'setInterval(() => undefined, 1000)'], { capture: true });
    startNoMore();
    signalChildren('SIGTERM');
    expect(await waiting).toMatchObject({ status: 128, output: `${execPath} was ended by SIGTERM\n` });
    expect(await run(execPath, ['-e', ''])).toEqual({ status: 128, output: `${execPath}: interrupted\n` });
    const late = trackChild(
      spawn(execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' }),
    );
    expect(await once(late, 'close')).toEqual([null, 'SIGTERM']);
  });
});

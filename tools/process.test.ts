import { describe, expect, it } from 'vitest';
import { interruptChildren, run, runQuietly, runShown } from './process.mjs';

const { execPath } = process;
const HANG = ['-e', 'setInterval(() => undefined, 1000)'];

describe('a child process', () => {
  it('gives its status and what it wrote', async () => {
    const script = 'console.log("out"); console.error("error"); process.exitCode = 3';
    const result = await run(execPath, ['-e', script], { capture: true });
    expect(result).toEqual({ status: 3, stdout: 'out\n', output: 'out\nerror\n' });
  });

  it('that does not exist has status 127', async () => {
    expect(await run('/no/such/program', [], { capture: true })).toMatchObject({ status: 127 });
  });

  it('that takes too long is ended', async () => {
    const result = await run(execPath, HANG, { capture: true, timeoutSeconds: 0.2 });
    expect(result).toMatchObject({ status: 128, output: `${execPath} took longer than 0.2 s\n` });
  });

  it('finds the commands of its PATH and no others', async () => {
    const script = 'console.log(process.env.PATH)';
    const result = await run(execPath, ['-e', script], { capture: true, env: { PATH: '/only' } });
    expect(result.stdout).toBe('/only\n');
  });

  it('that is shown gives its last line', async () => {
    const script = 'console.log("one\\ntwo"); process.exitCode = 4';
    const result = await runShown(execPath, ['-e', script], { env: process.env, timeoutSeconds: 60 });
    expect(result).toEqual({ status: 4, lastLine: 'two' });
  });
});

describe.skipIf(process.platform === 'win32')('the end of a suite', () => {
  it('ends the children that run, and starts no more', async () => {
    const waiting = run(execPath, HANG, { capture: true });
    interruptChildren();
    expect(await waiting).toMatchObject({ status: 128, output: `${execPath} was ended by SIGTERM\n` });
    const refused = { status: 128, stdout: '', output: `${execPath}: interrupted\n` };
    expect(await run(execPath, ['-e', ''])).toEqual(refused);
    expect(await runQuietly(execPath, ['-e', ''])).toEqual(refused);
  });
});

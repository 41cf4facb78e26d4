import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const program = path.join(import.meta.dirname, 'uml-run');
const temporary = mkdtempSync(path.join(tmpdir(), 'uml-run-test-'));
const available = spawnSync('linux.uml', ['--version']).error === undefined;

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function umlRun(...parameters: string[]): Outcome {
  const environment = { ...process.env, TMPDIR: temporary, UML_GREETING: 'from outside' };
  const { status, stdout, stderr } = spawnSync(program, parameters, {
    encoding: 'utf8',
    env: environment,
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

/** Processes whose command line names a file of this test's kernels. */
function kernelsLeft(): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`init=${temporary}`);
    } catch {
      return false; // ended meanwhile
    }
  });
}

afterAll(() => rmSync(temporary, { recursive: true, force: true }));

describe('uml-run', () => {
  it('requires a command', () => {
    expect(umlRun()).toEqual({ status: 125, stdout: '', stderr: 'uml-run: no command given\n' });
  });

  it.skipIf(!available)('gives status, output and environment of a command in another kernel', () => {
    const script =
      'uname -r; echo "$UML_GREETING"; id -u; [ -t 1 ] && echo terminal; pwd; echo error >&2; exit 7';
    const { status, stdout, stderr } = umlRun('sh', '-c', script);
    const [release, ...rest] = stdout.trimEnd().split('\n');
    expect({ status, rest, stderr }).toEqual({
      status: 7,
      rest: ['from outside', '0', process.cwd()],
      stderr: 'error\n',
    });
    expect(release).not.toBe(spawnSync('uname', ['-r'], { encoding: 'utf8' }).stdout.trim());
  });

  it.skipIf(!available)('runs on the processor that is named, and nowhere if there is no such', () => {
    const [, first = ''] =
      /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    expect(umlRun('--cpu', first, 'sh', '-c', 'exit 3')).toEqual({ status: 3, stdout: '', stderr: '' });
    const { status, stderr } = umlRun('--cpu', '99999', 'true');
    expect(status).toBe(125);
    expect(stderr).toContain('taskset');
  });

  it.skipIf(!available)('ends a command that takes too long, and leaves nothing behind', () => {
    const { status, stderr } = umlRun('--timeout', '4', 'sleep', '600');
    expect({ status, stderr }).toEqual({ status: 124, stderr: 'uml-run: not finished after 4 seconds\n' });
    expect(readdirSync(temporary)).toEqual([]);
  });

  it.skipIf(!available)(
    'ends its kernel on SIGTERM, also when more of them arrive while it cleans up',
    async () => {
      const child = spawn(program, ['sh', '-c', 'echo up && exec sleep 600'], {
        env: { ...process.env, TMPDIR: temporary },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const closed = once(child, 'close');
      await once(child.stdout, 'data');
      expect(kernelsLeft()).not.toEqual([]);
      const repeated = setInterval(() => child.kill('SIGTERM'), 1);
      const [status] = (await closed) as [number | null];
      clearInterval(repeated);
      expect(status).toBe(130);
      expect(readdirSync(temporary)).toEqual([]);
      await expect.poll(kernelsLeft, { timeout: 20_000 }).toEqual([]);
    },
  );

  it.skipIf(!available)('exits with 125 if the kernel stopped before the command ended', () => {
    const { status, stderr } = umlRun('sh', '-c', 'echo c >/proc/sysrq-trigger');
    expect(status, stderr).toBe(125);
    expect(stderr).toContain('uml-run: the kernel stopped before the command ended');
    expect(readdirSync(temporary)).toEqual([]);
  });
});

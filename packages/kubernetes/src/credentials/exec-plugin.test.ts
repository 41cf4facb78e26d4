import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';

import type { ExecSettings } from '../config/cluster-config.ts';
import { createExecPlugin, type ExecPlugin } from './exec-plugin.ts';

const V1 = 'client.authentication.k8s.io/v1';
const NOW = Date.UTC(2026, 0, 1);

/** A plugin whose command is this program. */
function plugin(
  program: string,
  more: Partial<ExecSettings> = {},
): { plugin: ExecPlugin; clock: ManualClock; advance: (ms: number) => void } {
  const clock = createManualClock(NOW);
  const settings: ExecSettings = {
    apiVersion: V1,
    command: process.execPath,
    args: ['-e', program],
    env: [],
    provideClusterInfo: false,
    installHint: '',
    inherit: {},
    ...more,
  };
  const info = () => Promise.resolve({ server: 'https://a' });
  return { plugin: createExecPlugin(settings, info, clock), clock, advance: (ms) => clock.advance(ms) };
}

const print = (status: unknown, apiVersion = V1): string =>
  `console.log(JSON.stringify({kind:'ExecCredential',apiVersion:'${apiVersion}',status:${JSON.stringify(status)}}))`;

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function errorOf(program: string, more: Partial<ExecSettings> = {}): Promise<string> {
  const read = await plugin(program, more).plugin.read();
  return read.ok ? 'accepted' : read.error.replace(process.execPath, 'node');
}

/** Prints its process id as the token: a different token proves another run. */
const PID = (more: string): string =>
  `console.log(JSON.stringify({kind:'ExecCredential',apiVersion:'${V1}',status:{token:String(process.pid)${more}}}))`;

describe('createExecPlugin', () => {
  it('runs again after it could not even be started', async () => {
    const clock = createManualClock(NOW);
    const settings: ExecSettings = {
      apiVersion: V1,
      command: process.execPath,
      args: ['-e', PID('')],
      env: [],
      provideClusterInfo: true,
      installHint: '',
      inherit: {},
    };
    // More than one argument or variable may hold: the kernel refuses to start it, and Node throws.
    let server = 'x'.repeat(3_000_000);
    const p = createExecPlugin(settings, () => Promise.resolve({ server }), clock);
    expect(await p.read()).toMatchObject({ ok: false, error: expect.stringContaining('E2BIG') });
    server = 'https://a';
    expect(await p.read()).toMatchObject({ ok: true });
  });

  it('runs once for all simultaneous calls, and not again before the end', async () => {
    const { plugin: p, advance } = plugin(PID(`,expirationTimestamp:'2026-01-01T00:01:00Z'`));
    const [a, b] = await Promise.all([p.read(), p.read()]);
    expect(a.ok && a.value.token).toMatch(/^\d+$/);
    expect(b).toEqual(a);
    advance(49_999);
    expect(await p.read()).toEqual(a);
    advance(1);
    expect(await p.read()).not.toEqual(a);
  });

  it('runs again after the server rejected its token', async () => {
    const { plugin: p } = plugin(PID(''));
    const a = await p.read();
    expect(await p.read()).toEqual(a);
    p.invalidate();
    expect(await p.read()).not.toEqual(a);
  });

  it('passes its purpose to the plugin', async () => {
    const { plugin: p } = plugin(
      `console.log(JSON.stringify({kind:'ExecCredential',apiVersion:'${V1}',status:{token:process.env.KUBERNETES_EXEC_INFO+process.env.A+process.env.B}}))`,
      { provideClusterInfo: true, env: [{ name: 'A', value: '1' }], inherit: { A: 'x', B: '2' } },
    );
    const info = {
      apiVersion: V1,
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: 'https://a' } },
    };
    const read = await p.read();
    expect(read.ok && read.value.token).toBe(`${JSON.stringify(info)}12`);
  });

  it('accepts client certificates', async () => {
    const { plugin: p } = plugin(print({ clientCertificateData: 'C', clientKeyData: 'K' }));
    expect(await p.read()).toEqual({
      ok: true,
      value: { token: null, clientCertificate: { certificate: 'C', key: 'K' } },
    });
  });

  /** Ignores SIGTERM, and names its process on standard error as soon as it does. */
  const STUBBORN = `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1e6);`;

  it.skipIf(process.platform === 'win32')(
    'ends a command after 60 s though it ignores SIGTERM, and runs it again',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'signalbox-kubernetes-'));
      const file = join(folder, 'pid');
      const write = `require('fs').writeFileSync(process.argv[1], String(process.pid));`;
      const { plugin: p, advance } = plugin(STUBBORN + write, { args: ['-e', STUBBORN + write, file] });
      const first = p.read();
      await expect.poll(() => existsSync(file) && readFileSync(file, 'utf8')).toMatch(/^\d+$/);
      const pid = Number(readFileSync(file, 'utf8'));
      rmSync(file);
      advance(60_000);
      expect(await first).toEqual({ ok: false, error: `${process.execPath}: no end after 60 s` });
      await expect.poll(() => isRunning(pid)).toBe(false);
      const second = p.read();
      await expect.poll(() => existsSync(file)).toBe(true);
      p.stop();
      expect(await second).toEqual({ ok: false, error: `${process.execPath}: stopped` });
      rmSync(folder, { recursive: true });
    },
  );

  it.skipIf(process.platform === 'win32')(
    'takes the credential of a command that left a process behind',
    async () => {
      const { plugin: p, clock } = plugin(
        `require('child_process').spawn('sleep', ['30'], { stdio: 'inherit', detached: true }).unref();${PID('')}`,
      );
      const read = p.read();
      await clock.waitForTimer(({ delayMs }) => delayMs === 1_000);
      clock.advance(1_000);
      expect(await read).toMatchObject({ ok: true });
    },
  );

  it('names the command and what is wrong with it', async () => {
    expect(await errorOf('console.error("log in first"); process.exit(3)')).toBe(
      'node: exit status 3; log in first',
    );
    expect(await errorOf('', { command: '/nowhere/plugin', installHint: 'get it at x\nmore' })).toBe(
      '/nowhere/plugin: command not found; get it at x',
    );
    expect(await errorOf('console.log("hello")')).toBe('node: its output is not JSON');
    expect(await errorOf('console.log("{}")')).toBe('node: its output has no kind: ExecCredential');
    expect(await errorOf(print({ token: 'x' }, 'v9'))).toBe(
      `node: its output has apiVersion "v9", ${V1} was asked for`,
    );
    expect(await errorOf(print({}))).toBe('node: status.token is not set');
    expect(await errorOf(print({ token: 'x', expirationTimestamp: 'soon' }))).toBe(
      'node: status.expirationTimestamp is not a time',
    );
    expect(await errorOf(print({ clientKeyData: 'x' }))).toBe(
      'node: status.clientCertificateData and status.clientKeyData come together or not at all',
    );
  });
});

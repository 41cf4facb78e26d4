/** The built program, alone in an empty folder. Builds it first; needs no network and no privileges. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTraceCollector } from '../src/testing/trace-collector.ts';
import { findRunTimeFiles, RUN_TIME_FILES } from './run-time-files.ts';
import { ENDPOINT, FRONTEND, serveOnce } from './serve-once.ts';

const APP = fileURLToPath(new URL('..', import.meta.url));

interface Ending {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Place {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

function run(file: string, words: readonly string[], { cwd, env = {} }: Place): Promise<Ending> {
  return new Promise((resolve) => {
    // Nothing of the workspace may be found by accident: an empty environment, an empty folder.
    execFile(
      file,
      [...words],
      { cwd, env: { PATH: process.env['PATH'] ?? '', ...env } },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ status, stdout, stderr });
      },
    );
  });
}

const folder = { path: '' };
beforeAll(async () => {
  const tsup = join(APP, '../../node_modules/tsup/dist/cli-default.js');
  folder.path = mkdtempSync(join(tmpdir(), 'proxy-bundle-'));
  const built = await run(process.execPath, [tsup], { cwd: APP, env: { SIGNALBOX_OUT_DIR: folder.path } });
  if (built.status !== 0) throw new Error(`the build failed: ${built.stdout}${built.stderr}`);
}, 60_000);
afterAll(() => rmSync(folder.path, { recursive: true, force: true }));

/** Sends the signal before the program's first line or after its last one, and prints what came of it. */
const SIGNALLED = `
const inspector = require('node:inspector');
const signal = () => {
  process.kill(process.pid, 'SIGUSR1');
  const end = Date.now() + Number(process.env.WAIT);
  while (inspector.url() === undefined && Date.now() < end);
};
if (process.env.MOMENT === 'early') signal();
process.on('exit', () => {
  if (process.env.MOMENT === 'late') signal();
  require('node:fs').writeSync(1, 'inspector ' + (inspector.url() === undefined ? 'closed' : 'open') + '\\n');
});
`;

const signalbox = (...flags: string[]): Promise<Ending> =>
  run(process.execPath, ['main.js', ...flags], { cwd: folder.path });

describe('dist alone in an empty folder', () => {
  it('F5 F56: prints its version and its help', async () => {
    expect(await signalbox('--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Kubernetes v1\.36\.\d+\n$/),
    });
    expect((await signalbox('--help')).stdout).toContain('--proxy-mode');
  });

  it('F2: writes a configuration', async () => {
    expect(await signalbox('--write-config-to=out.yaml')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(join(folder.path, 'out.yaml'), 'utf8')).toContain('kind: KubeProxyConfiguration');
  });

  it('F63: bad flags, bad values and a bad kubeconfig end with 1 and one line each', async () => {
    const flag = await signalbox('--proxymode=ipvs');
    expect([flag.status, flag.stderr]).toEqual([
      1,
      'Usage: signalbox [flags]   (signalbox --help lists them)\nError: unknown flag: --proxymode (did you mean --proxy-mode?)\n',
    ]);
    const value = await signalbox('--oom-score-adj=5000');
    expect([value.status, value.stderr.trim().split('\n')]).toEqual([
      1,
      ['Error: invalid argument "5000" for "--oom-score-adj" flag: must be within the range [-1000, 1000]'],
    ]);
  });

  it('F63: escapes control characters of what it prints about arguments', async () => {
    const { stderr } = await signalbox('--kubeconfig=/no/\u001b[2K\rE0102 forged\u009b');
    expect(stderr).toContain(String.raw`/no/\u001b[2K\rE0102 forged\u009b`);
    expect(stderr).toMatch(/^[ -~\n]+$/);
  });

  it('F63 F171: with --logging-format=json the reason for the end is JSON, too', async () => {
    const words = ['--logging-format=json', '--kubeconfig=/no/such/file'];
    const { status, stderr } = await signalbox(...words);
    const lines = stderr.trim().split('\n');
    expect([status, lines.map((line) => JSON.parse(line) as unknown)]).toEqual([
      1,
      [
        {
          ts: expect.any(Number),
          caller: 'signalbox.ts:1',
          msg: 'Command failed',
          err: expect.stringMatching(/^\/no\/such\/file: ENOENT/),
        },
      ],
    ]);
  });

  it('holds every file that the sources find at run time', () => {
    const { sources, missing } = findRunTimeFiles(folder.path);
    expect(sources, 'list the source in run-time-files.ts with the files it needs').toEqual(
      Object.keys(RUN_TIME_FILES),
    );
    expect(missing).toEqual([]);
  });

  it.each(['early', 'late'] as const)(
    'does not open the inspector of Node.js for a SIGUSR1 that arrives %s',
    async (moment) => {
      writeFileSync(join(folder.path, 'signal.cjs'), SIGNALLED);
      const words = ['--inspect-port=0', '--require=./signal.cjs'];
      // Ends as soon as the inspector is open; where it must stay closed, half a second has to do.
      const env = { MOMENT: moment, WAIT: '30000' };
      const brief = moment === 'early' ? env : { ...env, WAIT: '500' };
      const plain = await run(process.execPath, [...words, '-e', ''], { cwd: folder.path, env });
      expect(plain.stdout).toBe('inspector open\n');
      const bundled = await run(process.execPath, [...words, 'main.js', '--version'], {
        cwd: folder.path,
        env: brief,
      });
      expect(bundled.stdout).toMatch(/^Kubernetes .*\ninspector closed\n$/);
      const asked = ['--inspect=0', '--require=./signal.cjs', 'main.js', '--version'];
      expect((await run(process.execPath, asked, { cwd: folder.path, env })).stdout).toContain(
        'inspector open',
      );
    },
  );

  it('has the client of signalbox cluster in a file that only this command loads', async () => {
    const words = ['cluster', 'status', '--kubeconfig=/no/such/file'];
    expect((await signalbox(...words)).stderr).toMatch(/^Error: \/no\/such\/file: ENOENT.*\n$/);
    const main = readFileSync(join(folder.path, 'main.js'), 'utf8');
    // Paths and headers of the client and of its libraries.
    expect(main).not.toMatch(/portforward\?|sec-websocket-key/i);
    expect(main.match(/cluster-client\.js/g)).toHaveLength(1);
    renameSync(join(folder.path, 'cluster-client.js'), join(folder.path, 'away.js'));
    try {
      expect((await signalbox(...words)).stderr).toMatch(
        /^Error: the Kubernetes client cannot be loaded .*\n$/,
      );
      expect(await signalbox('--write-config-to=again.yaml')).toMatchObject({ status: 0 });
      expect(
        (await signalbox('explain', '10.0.0.1', '10.0.0.2:80', '--kubeconfig=/no/such/file')).stderr,
      ).toMatch(/ENOENT/);
    } finally {
      renameSync(join(folder.path, 'away.js'), join(folder.path, 'cluster-client.js'));
    }
  });

  it('forwards connections in as many threads as --userspace-workers requests', async () => {
    const endpoint = createServer((socket) => void socket.on('error', () => {}).end('served')).listen(
      ENDPOINT,
    );
    await once(endpoint, 'listening');
    try {
      const replies: string[] = [];
      const state = { sockets: 0 };
      const { log, status } = await serveOnce(folder.path, '', {
        flags: ['--userspace-workers=2'],
        async whileServing() {
          for (let at = 0; at < 20; at++) replies.push(await text(connect(FRONTEND)));
          // Address and port of the frontend, in state LISTEN: one socket for each thread.
          state.sockets = readFileSync('/proc/net/tcp', 'utf8').match(/ 0A00607F:46A0 \S+ 0A /g)?.length ?? 0;
        },
      });
      expect(log).not.toContain('Worker thread ended');
      expect(replies).toEqual(Array.from({ length: 20 }, () => 'served'));
      expect({ status, ...state }).toEqual({ status: 0, sockets: 2 });
    } finally {
      endpoint.close();
    }
  });

  it('has the exporter of traces in a file that only --tracing-endpoint loads', async () => {
    const main = readFileSync(join(folder.path, 'main.js'), 'utf8');
    // Fields and variables of OpenTelemetry.
    expect(main).not.toMatch(/resourceSpans|OTEL_EXPORTER/);
    expect(main.match(/trace-exporter\.js/g)).toHaveLength(1);
    expect(readFileSync(join(folder.path, 'trace-exporter.js'), 'utf8')).toMatch(/resourceSpans/);
    const collector = await startTraceCollector();
    try {
      const traced = await serveOnce(folder.path, collector.url);
      expect(traced.log).toContain('Tracing is on');
      const roots = collector.spans.filter(({ parentSpanId }) => parentSpanId === undefined);
      expect(roots.map(({ attributes }) => attributes['signalbox.mode'])).toContain('userspace');
      expect(new Set(collector.spans.map(({ name }) => name))).toEqual(
        new Set([
          'Program services',
          'Decode objects',
          'Wait for sync',
          'Build desired state',
          'Compile and diff',
          'Write to kernel',
        ]),
      );
      renameSync(join(folder.path, 'trace-exporter.js'), join(folder.path, 'away.js'));
      expect((await serveOnce(folder.path, '')).log).not.toMatch(/Tracing is on|exporter of traces/);
      expect((await serveOnce(folder.path, collector.url)).log).toContain(
        'Failed to load the exporter of traces; tracing is off',
      );
    } finally {
      await collector.close();
      if (existsSync(join(folder.path, 'away.js')))
        renameSync(join(folder.path, 'away.js'), join(folder.path, 'trace-exporter.js'));
    }
  });

  it('carries its native parts, and is one small file besides', async () => {
    expect(existsSync(join(folder.path, 'node_modules/netlink/prebuilds/linux-x64/node.napi.node'))).toBe(
      true,
    );
    expect(statSync(join(folder.path, 'main.js')).size).toBeLessThan(1_000_000);
    const probe = "require('netlink/dist/raw.js').RawNetlinkSocket";
    const loaded = await run(process.execPath, ['-e', `process.exit(${probe} === undefined ? 1 : 0)`], {
      cwd: folder.path,
    });
    expect(loaded.status, loaded.stderr).toBe(0);
  });
});

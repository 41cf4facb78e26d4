/** However the demo of userspace mode ends, no file and no process remains. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('loopback-main.ts', import.meta.url));
const held = { folder: '', close: (): unknown => undefined };

afterEach(async () => {
  await held.close();
  rmSync(held.folder, { recursive: true, force: true });
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('the demo removes its files and ends its proxy on %s', async (signal, status) => {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  held.folder = mkdtempSync(path.join(tmpdir(), 'signalbox-demo-test-'));
  // A proxy that serves nothing: the demo waits for it. Its connection to this test closes when its process ends.
  const bundle = path.join(held.folder, 'idle.mjs');
  const place = path.join(held.folder, 'socket');
  writeFileSync(bundle, `import { connect } from 'node:net';\nconnect(${JSON.stringify(place)});\n`);
  const server = createServer().listen(place);
  await once(server, 'listening');
  const args = ['--conditions=signalbox-source', '--no-warnings', MAIN, `--bundle=${bundle}`];
  const demo = spawn(process.execPath, args, {
    stdio: 'ignore',
    env: { ...process.env, TMPDIR: held.folder },
  });
  const [proxy] = (await once(server, 'connection')) as [Socket];
  held.close = () => {
    demo.kill('SIGKILL');
    proxy.destroy();
    server.close();
  };
  const ended = [once(demo, 'close'), once(proxy.resume(), 'close')];
  demo.kill(signal);
  expect(await ended[0]).toEqual([status, null]);
  await ended[1];
  expect(globSync('signalbox-demo-*', { cwd: held.folder })).toEqual([]);
});

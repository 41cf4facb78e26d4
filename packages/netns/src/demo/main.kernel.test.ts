/** However the demo ends, no files and no namespaces remain. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../commands.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const held = { folder: '', bundle: '' };

beforeAll(() => {
  held.folder = mkdtempSync(path.join(tmpdir(), 'signalbox-demo-test-'));
  // A proxy that never programs anything: the demo waits for it until it is stopped.
  held.bundle = path.join(held.folder, 'idle.mjs');
  writeFileSync(held.bundle, 'setInterval(() => undefined, 60_000);\n');
});
afterAll(() => rmSync(held.folder, { recursive: true, force: true }));

function start(bundle: string = held.bundle): ChildProcess {
  const args = ['--conditions=signalbox-source', '--no-warnings', MAIN, `--bundle=${bundle}`];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Resolves with the output so far when the demo has built its world. */
async function untilBuilt(demo: ChildProcess): Promise<string> {
  let output = '';
  for await (const chunk of demo.stdout ?? []) {
    output += String(chunk);
    if (output.includes('Services, from the manifests')) return output;
  }
  throw new Error(`the demo ended early: ${output}`);
}

describe('the demo', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)(
    'removes its files and namespaces on %s, also when the terminal is gone',
    async (signal, status) => {
      const demo = start();
      const ended = once(demo, 'close');
      const manifests = /manifests {2}(\S+)/.exec(await untilBuilt(demo))?.[1] ?? '';
      expect(existsSync(manifests)).toBe(true);
      // `for await` has ended and closed the reading end: further writes of the demo fail.
      expect(demo.stdout?.destroyed).toBe(true);
      demo.stderr?.destroy();
      demo.kill(signal);
      expect(await ended).toEqual([status, null]);
      expect(existsSync(path.dirname(manifests))).toBe(false);
      expect(await runCommand(['ip', 'netns', 'list'])).not.toContain(`sbx-${demo.pid}-`);
    },
  );

  it('prints why the proxy ended, also when its log is gone', async () => {
    const bundle = path.join(held.folder, 'ends.mjs');
    writeFileSync(
      bundle,
      `import { rmSync } from 'node:fs';
      const [, manifests] = process.argv.join(' ').match(/--manifests=(\\S+)/);
      rmSync(manifests + '/../signalbox.log');
      process.exit(3);`,
    );
    const demo = start(bundle);
    const ended = once(demo, 'close');
    demo.stdout?.resume();
    expect(await text(demo.stderr as Readable)).toMatch(
      /^\nsignalbox demo: signalbox ended \(exit 3\):\nENOENT/,
    );
    expect(await ended).toEqual([1, null]);
  });
});

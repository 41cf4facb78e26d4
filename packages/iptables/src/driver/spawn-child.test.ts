/** In a separate process with few descriptors. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const SCRIPT = `
import { closeSync, openSync, readdirSync } from 'node:fs';
import { systemClock } from '@signalbox/core/system-clock';
import { runTool } from './run-tool.ts';
const count = () => readdirSync('/proc/self/fd').length;
const held = [];
const fill = () => { try { for (;;) held.push(openSync('/dev/null')); } catch {} };
const run = () => runTool({ command: ['true'], clock: systemClock, timeLimit: 60_000 });
await run();
const before = count();
const ends = [];
for (let free = 0; free <= 10; free++) {
  fill();
  for (let index = 0; index < free; index++) closeSync(held.pop());
  ends.push(await run());
}
for (const each of held) closeSync(each);
ends.push(await run());
console.log(JSON.stringify({ ends, leaked: count() - before }));
`;

describe('spawnChild', () => {
  it('reports a shortage of descriptors, loses none, and succeeds when descriptors are available again', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'spawn-child-'));
    const outfile = path.join(folder, 'script.mjs');
    await build({
      stdin: { contents: SCRIPT, resolveDir: import.meta.dirname, loader: 'ts' },
      bundle: true,
      conditions: ['signalbox-source'],
      platform: 'node',
      format: 'esm',
      outfile,
    });
    writeFileSync(path.join(folder, 'run.sh'), 'ulimit -n 80; exec "$@"');
    const done = spawnSync('sh', [path.join(folder, 'run.sh'), process.execPath, outfile], {
      encoding: 'utf8',
    });
    rmSync(folder, { recursive: true });
    expect(done.stderr).toBe('');
    const { ends, leaked } = JSON.parse(done.stdout) as { ends: readonly object[]; leaked: number };
    expect(ends.slice(0, 8)).toEqual(
      Array.from({ length: 8 }, () => expect.objectContaining({ kind: 'not-started', cause: 'shortage' })),
    );
    expect(ends.at(-1)).toMatchObject({ kind: 'exit', status: 0 });
    expect(leaked).toBe(0);
  });
});

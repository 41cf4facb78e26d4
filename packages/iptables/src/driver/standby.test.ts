import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { systemClock } from '@signalbox/core/system-clock';
import { describe, expect, it } from 'vitest';
import { feedTool, startTool, type StartedTool } from './run-tool.ts';
import { createStandby, type Standby } from './standby.ts';

const FEED = { clock: systemClock, timeLimit: 60_000 } as const;

function lab(command: readonly string[]): { readonly started: StartedTool[]; readonly standby: Standby } {
  const started: StartedTool[] = [];
  const standby = createStandby(() => {
    const tool = startTool(command);
    started.push(tool);
    return tool;
  });
  return { started, standby };
}

describe('createStandby', () => {
  it('returns the waiting process, which then does the work', async () => {
    const { started, standby } = lab(['cat']);
    standby.prepare();
    standby.prepare();
    expect(started.length).toBe(1);
    const taken = standby.take();
    expect(taken).toBe(started[0]);
    expect(await feedTool(taken, { ...FEED, input: 'text' })).toMatchObject({ status: 0, stdout: 'text' });
  });

  it('starts a process where none waits, or where the waiting one has exited', async () => {
    const { started, standby } = lab(['cat']);
    expect(await feedTool(standby.take(), { ...FEED, input: 'a' })).toMatchObject({ stdout: 'a' });
    standby.prepare();
    const killed = started.at(-1)?.child;
    killed?.ref();
    killed?.kill('SIGKILL');
    if (killed !== undefined && killed !== null) await once(killed, 'exit');
    expect(await feedTool(standby.take(), { ...FEED, input: 'b' })).toMatchObject({ stdout: 'b' });
    expect(started.length).toBe(3);
  });

  it('reports a missing program when it is needed', async () => {
    const { started, standby } = lab(['/nonexistent/tool']);
    standby.prepare();
    const [waiting] = started;
    if (waiting?.error === null && waiting.child !== null)
      await once(waiting.child, 'error').catch(() => undefined);
    expect(await feedTool(standby.take(), { ...FEED, input: '' })).toMatchObject({ cause: 'missing' });
  });

  it('ends the waiting process when it is closed', async () => {
    const { started, standby } = lab(['cat']);
    standby.prepare();
    const child = started[0]?.child;
    child?.ref();
    standby.close();
    if (child === undefined || child === null) throw new Error('nothing was started');
    child.stdout.resume();
    child.stderr.resume();
    const [status] = await once(child, 'close');
    expect(status).toBe(0);
  });

  it('does not keep the program from exiting', () => {
    const at = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
    const program = `
      import { createStandby } from ${at('./standby.ts')};
      import { startTool } from ${at('./run-tool.ts')};
      createStandby(() => startTool(['cat'])).prepare();`;
    const done = spawnSync(
      process.execPath,
      ['--conditions=signalbox-source', '--input-type=module', '-e', program],
      {
        encoding: 'utf8',
        timeout: 30_000,
      },
    );
    expect([done.status, done.stderr]).toEqual([0, '']);
  });
});

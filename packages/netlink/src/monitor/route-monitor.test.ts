import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type RouteMonitor, watchRoutes } from './route-monitor.ts';

class FakeChild extends EventEmitter {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  killed = false;

  kill(): boolean {
    this.killed = true;
    return true;
  }
}

interface Bench {
  readonly child: FakeChild;
  readonly events: string[];
  readonly monitor: RouteMonitor;
}

/** `refusal`: what the start throws. */
function bench(refusal?: NodeJS.ErrnoException): Bench {
  const child = new FakeChild();
  const events: string[] = [];
  const monitor = watchRoutes(
    {
      ready: () => events.push('ready'),
      notification: () => events.push('notification'),
      ended: (reason, next) => events.push(`${next}: ${reason}`),
    },
    {
      childFile: 'child.js',
      spawn: () => {
        if (refusal !== undefined) throw refusal;
        return child as unknown as ChildProcess;
      },
    },
  );
  return { child, events, monitor };
}

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`spawn ${code}`), { code });

/** Lines reach the reader in later turns of the event loop. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function becomeReady(child: FakeChild): Promise<void> {
  child.stdout.write('ready\n');
  await settled();
}

describe('watchRoutes', () => {
  it('reports why a child did not get ready, once, and that another one would not either', async () => {
    const { child, events } = bench();
    child.stderr.write("node:internal:1\n  throw err;\nError: Cannot find module '/x/child.js'\n    at f\n");
    await settled();
    child.emit('close', 1, null);
    child.emit('close', 1, null);
    expect(events).toEqual([
      "stopped: child.js ended with status 1: Error: Cannot find module '/x/child.js'",
    ]);
  });

  it('reports a program that cannot be executed', () => {
    const { child, events } = bench();
    child.emit('error', failure('ENOENT'));
    child.emit('close', -2, null);
    expect(events).toEqual(['stopped: child.js cannot be started: spawn ENOENT']);
  });

  it.each(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'])(
    'reports that a later start may succeed after %s, thrown or emitted',
    (code) => {
      const { child, events } = bench();
      child.emit('error', failure(code));
      child.emit('close', -2, null);
      const expected = [`restarting: child.js cannot be started: spawn ${code}`];
      expect(events).toEqual(expected);
      expect(bench(failure(code)).events).toEqual(expected);
    },
  );

  it('reports that a child that was ready may be started again', async () => {
    const { child, events } = bench();
    await becomeReady(child);
    child.emit('close', null, 'SIGABRT');
    expect(events).toEqual(['ready', 'restarting: child.js ended with SIGABRT']);
  });

  it('ends the child and reports nothing after it is closed', async () => {
    const { child, events, monitor } = bench();
    await becomeReady(child);
    monitor.close();
    expect(child.killed).toBe(true);
    child.stdout.write('ready\n');
    await settled();
    child.emit('close', null, 'SIGTERM');
    expect(events).toEqual(['ready']);
  });
});

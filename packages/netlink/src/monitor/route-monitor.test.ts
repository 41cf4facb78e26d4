import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { createManualClock, type ManualClock } from '@signalbox/core/testing';
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
  readonly children: FakeChild[];
  readonly clock: ManualClock;
  readonly events: string[];
  readonly monitor: RouteMonitor;
  /** What the next start throws; `null`: nothing. */
  readonly refusal: { error: NodeJS.ErrnoException | null };
}

function bench(): Bench {
  const children: FakeChild[] = [];
  const clock = createManualClock();
  const events: string[] = [];
  const refusal: Bench['refusal'] = { error: null };
  const monitor = watchRoutes(
    {
      resync: () => events.push('resync'),
      notification: () => events.push('notification'),
      interrupted: (reason, next) => events.push(`${next}: ${reason}`),
    },
    {
      childFile: 'child.js',
      clock,
      spawn: () => {
        if (refusal.error !== null) throw refusal.error;
        const child = new FakeChild();
        children.push(child);
        return child as unknown as ChildProcess;
      },
    },
  );
  return { children, clock, events, monitor, refusal };
}

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`spawn ${code}`), { code });

/** Lines reach the reader in later turns of the event loop. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function becomeReady(child: FakeChild | undefined): Promise<void> {
  child?.stdout.write('ready\n');
  await settled();
}

describe('watchRoutes', () => {
  it('starts a child that did not get ready once only, and reports why', async () => {
    const { children, clock, events } = bench();
    children[0]?.stderr.write(
      "node:internal:1\n  throw err;\nError: Cannot find module '/x/child.js'\n    at f\n",
    );
    await settled();
    children[0]?.emit('close', 1, null);
    clock.advance(3_600_000);
    expect(children).toHaveLength(1);
    expect(events).toEqual([
      "stopped: child.js ended with status 1: Error: Cannot find module '/x/child.js'",
    ]);
  });

  it('does not start a program again that cannot be executed', () => {
    const { children, clock, events } = bench();
    children[0]?.emit('error', failure('ENOENT'));
    children[0]?.emit('close', -2, null);
    clock.advance(3_600_000);
    expect(children).toHaveLength(1);
    expect(events).toEqual(['stopped: child.js cannot be started: spawn ENOENT']);
  });

  it.each(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'])(
    'starts a child again after %s until it runs, and reports the outage once',
    async (code) => {
      const { children, clock, events, refusal } = bench();
      refusal.error = failure(code);
      children[0]?.emit('error', failure(code));
      for (let attempt = 0; attempt < 20; attempt += 1) clock.advance(30_000);
      expect(children).toHaveLength(1);
      refusal.error = null;
      clock.advance(30_000);
      await becomeReady(children[1]);
      expect(events).toEqual([`restarting: child.js cannot be started: spawn ${code}`, 'resync']);
    },
  );

  it('lengthens the pauses of a child that keeps ending, reports it once, and begins anew after a minute', async () => {
    const { children, clock, events } = bench();
    const starts: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      await becomeReady(children.at(-1));
      children.at(-1)?.emit('close', null, 'SIGABRT');
      const before = children.length;
      let waited = 0;
      for (; children.length === before && waited < 60_000; waited += 100) clock.advance(100);
      starts.push(waited);
    }
    expect(starts).toEqual([200, 400, 800, 1600]);
    const reports = (): readonly string[] => events.filter((line) => line !== 'resync');
    expect(reports()).toEqual(['restarting: child.js ended with SIGABRT']);
    await becomeReady(children.at(-1));
    clock.advance(60_000);
    children.at(-1)?.emit('close', null, 'SIGABRT');
    expect(reports()).toHaveLength(2);
    const before = children.length;
    clock.advance(200);
    expect(children).toHaveLength(before + 1);
  });

  it('starts nothing and reports nothing after it is closed', async () => {
    const { children, clock, events, monitor } = bench();
    await becomeReady(children[0]);
    children[0]?.emit('close', null, 'SIGABRT');
    monitor.close();
    clock.advance(3_600_000);
    expect(children).toHaveLength(1);
    expect(events).toEqual(['resync', 'restarting: child.js ended with SIGABRT']);
  });
});

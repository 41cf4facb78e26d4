import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { superviseMonitor, type MonitorEvents } from './supervise-monitor.ts';

function scene(start?: (events: MonitorEvents) => () => void) {
  const clock = createManualClock();
  const log: string[] = [];
  const running: MonitorEvents[] = [];
  const stop = superviseMonitor({
    clock,
    start:
      start ??
      ((events) => {
        running.push(events);
        return () => log.push('stopped');
      }),
    onGap: () => log.push('gap'),
    onProblem: (reason, next) => log.push(next === 'stopped' ? `${reason}, stopped` : reason),
  });
  return { clock, log, running, stop };
}

describe('superviseMonitor', () => {
  it('verifies once after each gap, and not after the first start', () => {
    const { clock, log, running } = scene();
    running[0]?.onReady();
    expect(log).toEqual([]);
    running[0]?.onEnd('status 1', 'restarting');
    clock.advance(200);
    running[1]?.onReady();
    expect(log).toEqual(['status 1', 'gap']);
  });

  it('restarts with growing pauses up to the longest, and from the first pause after a minute of work', () => {
    const { clock, running } = scene();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 10; attempt++) {
      running.at(-1)?.onEnd('status 3', 'restarting');
      pauses.push(clock.pending[0]?.delayMs ?? -1);
      clock.advance(30_000);
    }
    expect(pauses).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    running.at(-1)?.onReady();
    running.at(-1)?.onEnd('status 3', 'restarting');
    expect(clock.pending.map(({ delayMs }) => delayMs)).toEqual([30_000]);
    clock.advance(30_000);
    running.at(-1)?.onReady();
    clock.advance(60_000);
    running.at(-1)?.onEnd('status 3', 'restarting');
    expect(clock.pending.map(({ delayMs }) => delayMs)).toEqual([200]);
  });

  it('reports a series of equal ends once', () => {
    const { clock, log, running } = scene();
    for (const reason of ['status 3', 'status 3', 'killed', 'killed']) {
      running.at(-1)?.onEnd(reason, 'restarting');
      running.at(-1)?.onEnd(reason, 'restarting');
      clock.advance(30_000);
    }
    expect(log).toEqual(['status 3', 'killed']);
    expect(running.length).toBe(5);
  });

  it('reports an end again after a minute of work', () => {
    const { clock, log, running } = scene();
    for (let round = 0; round < 2; round++) {
      running.at(-1)?.onReady();
      clock.advance(60_000);
      running.at(-1)?.onEnd('killed', 'restarting');
      clock.advance(200);
    }
    expect(log).toEqual(['killed', 'gap', 'killed']);
  });

  it('does not restart a monitor that would end in the same way, and reports that', () => {
    const { clock, log, running } = scene();
    running[0]?.onReady();
    running[0]?.onEnd('status 1', 'restarting');
    clock.advance(200);
    running[1]?.onEnd('status 1', 'stopped');
    clock.advance(3_600_000);
    expect(log).toEqual(['status 1', 'status 1, stopped']);
    expect(running).toHaveLength(2);
  });

  it('treats an exception at the start as an end', () => {
    const { clock, log } = scene(() => {
      throw new Error('spawn EMFILE');
    });
    expect(log).toEqual(['spawn EMFILE']);
    expect(clock.pending).toHaveLength(1);
  });

  it('stops the monitor, and restarts nothing afterwards', () => {
    const running = scene();
    running.stop();
    expect(running.log).toEqual(['stopped']);
    const ended = scene();
    ended.running[0]?.onEnd('status 1', 'restarting');
    ended.stop();
    ended.clock.advance(60_000);
    ended.running[0]?.onReady();
    expect([ended.running.length, ended.log]).toEqual([1, ['status 1']]);
  });

  it('does not restart a monitor that reports its end while it is stopped', () => {
    const { clock, log, stop } = scene(
      ({ onEnd }) =>
        () =>
          onEnd('closed', 'restarting'),
    );
    stop();
    expect([log, clock.pending]).toEqual([[], []]);
  });
});

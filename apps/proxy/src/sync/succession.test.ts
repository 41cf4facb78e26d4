import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { createProxyMetrics } from '../metrics/proxy-metrics.ts';
import { createRegistry } from '../metrics/registry.ts';
import { IPTABLES } from '../modes/iptables.ts';
import { createSuccession } from './succession.ts';

const FAILED = { failures: ['the tool hangs'], inUse: 0 };
const IN_USE = { failures: [], inUse: 1 };
const DONE = { failures: [], inUse: 0 };

/** `times`: of the removals, in milliseconds since the start; `keeping`: those that leave what connections use. */
function world(...answers: (typeof FAILED | typeof IN_USE | typeof DONE)[]) {
  const clock = createManualClock();
  const started = clock.now();
  const times: number[] = [];
  const keeping: number[] = [];
  const succession = createSuccession({
    families: ['IPv4'],
    clock,
    prepare: () => Promise.resolve(),
    removeLeftovers: (keepConnections) => {
      times.push(clock.now() - started);
      if (keepConnections) keeping.push(clock.now() - started);
      return Promise.resolve(answers.shift() ?? DONE);
    },
    logger: createLogging(
      { format: 'text', verbosity: 0, vmodule: [] },
      { write: () => undefined, now: () => 0, pid: 1 },
    ).logger,
    metrics: createProxyMetrics(createRegistry(), () => IPTABLES),
  });
  const pass = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed <= milliseconds; passed += 500) {
      clock.advance(passed === 0 ? 0 : 500);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
  };
  return { succession, clock, times, keeping, pass };
}

describe('the removal of rules of earlier modes', () => {
  it('is retried after pauses that double, and that begin anew after a success in part', async () => {
    const { succession, times, pass } = world(FAILED, FAILED, IN_USE, FAILED, FAILED, DONE);
    succession.verified('IPv4');
    await pass(60_000);
    expect(times).toEqual([0, 1000, 3000, 13_000, 14_000, 16_000]);
  });

  it('leaves what connections use for fifteen minutes, tries every ten seconds, and then removes it', async () => {
    const minutes = 60_000;
    const answers = Array.from({ length: 15 * 6 }, () => IN_USE);
    const { succession, times, keeping, pass } = world(...answers, DONE);
    succession.verified('IPv4');
    await pass(20 * minutes);
    const tries = Array.from({ length: 15 * 6 + 1 }, (_, at) => at * 10_000);
    expect(times).toEqual(tries);
    expect(keeping).toEqual(tries.slice(0, -1));
  });

  it('is not retried once it is stopped', async () => {
    const { succession, clock, times, pass } = world(FAILED, FAILED);
    succession.verified('IPv4');
    await pass(0);
    expect(clock.pending).toHaveLength(1);
    await succession.stop();
    await pass(60_000);
    expect(times).toEqual([0]);
  });
});

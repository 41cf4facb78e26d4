import { createManualClock } from '@signalbox/core/testing';
import { expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import type { Parts } from '../parts.ts';
import { settingsOf } from '../testing/settings.ts';
import { watchBackends } from './watch-backends.ts';

/** Answers of the backends and of the replacement, one for each period. */
function lab(rounds: readonly { readonly why: string | null; readonly err?: string }[]) {
  const clock = createManualClock();
  const lines: string[] = [];
  const logging = createLogging(
    { format: 'text', verbosity: 0, vmodule: [] },
    { write: (line) => lines.push(line), now: () => 0, pid: 1 },
  );
  const state = { round: -1, replaced: 0 };
  const parts = {
    composition: { clock },
    logging,
    started: true,
    current: settingsOf([]),
    running: {
      backends: new Map([['IPv4', { whyOutdated: () => Promise.resolve(rounds[state.round]?.why ?? null) }]]),
    },
  } as unknown as Parts;
  const watch = watchBackends(parts, () => {
    state.replaced += 1;
    return Promise.resolve(rounds[state.round]?.err ?? null);
  });
  const pass = async (): Promise<readonly string[]> => {
    lines.length = 0;
    state.round += 1;
    const [next] = clock.pending;
    clock.advance((next?.dueAt ?? 0) - clock.now());
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    return lines.map((line) => line.replace(/^.*\] /, '').trim());
  };
  return { clock, state, pass, watch };
}

const WHY = 'kubelet uses the legacy variant';
const ANEW = `"Programming all rules again" why="${WHY}"`;
const FAILED = '"Failed to program all rules again; the previous ones stay in place" err="no tool"';

it('replaces backends once a period while they are outdated, and logs each reason once until it ends', async () => {
  const failing = { why: WHY, err: 'no tool' };
  const { state, pass, watch, clock } = lab([
    { why: null },
    failing,
    failing,
    { why: WHY },
    { why: null },
    { why: WHY },
  ]);
  const logged: (readonly string[])[] = [];
  for (let round = 0; round < 6; round++) logged.push(await pass());
  expect(logged).toEqual([[], [ANEW, FAILED], [], [], [], [ANEW]]);
  expect(state.replaced).toBe(4);
  watch.stop();
  expect(clock.pending).toEqual([]);
});

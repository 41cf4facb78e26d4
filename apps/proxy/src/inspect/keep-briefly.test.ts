import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { KEPT_MS, keepBriefly } from './keep-briefly.ts';

function world() {
  const clock = createManualClock();
  const state = { version: 0, computed: 0, during: (): void => undefined };
  const read = keepBriefly({ clock, version: () => state.version }, () => {
    state.computed += 1;
    state.during();
    return Promise.resolve(state.computed);
  });
  return { clock, state, read };
}

describe('keepBriefly', () => {
  it('computes once for callers within two seconds', async () => {
    const { clock, read } = world();
    expect([await read(), await read()]).toEqual([1, 1]);
    clock.advance(KEPT_MS - 1);
    expect(await read()).toBe(1);
    clock.advance(1);
    expect(await read()).toBe(2);
  });

  it('computes again after a change of the version', async () => {
    const { state, read } = world();
    await read();
    state.version = 1;
    expect([await read(), await read()]).toEqual([2, 2]);
  });

  it('does not keep a result that a change during the computation has made out of date', async () => {
    const { state, read } = world();
    state.during = () => (state.version += 1);
    await read();
    state.during = () => undefined;
    expect([await read(), await read()]).toEqual([2, 2]);
  });

  it('keeps each result for two seconds, also after an earlier result', async () => {
    const { clock, state, read } = world();
    await read();
    clock.advance(KEPT_MS - 1);
    state.version = 1;
    await read();
    clock.advance(KEPT_MS - 1);
    expect(await read()).toBe(2);
  });

  it('has no timer before the first call, and none after the result is dropped', async () => {
    const { clock, read } = world();
    expect(clock.pending).toEqual([]);
    await read();
    expect(clock.pending).toHaveLength(1);
    clock.advance(KEPT_MS);
    expect(clock.pending).toEqual([]);
  });

  it('keeps no error', async () => {
    const { state, read } = world();
    state.during = () => {
      throw new Error('boom');
    };
    await expect(read()).rejects.toThrow('boom');
    state.during = () => undefined;
    expect(await read()).toBe(2);
  });
});

import { backendError, fail, succeed } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { NetlinkResult } from '../result.ts';
import { keepSuccess } from './keep-success.ts';

const REFUSED = fail(backendError('unsupported', 'CTRL_CMD_GETFAMILY', 'no IPVS', { kernel: 'unchanged' }));

function kernel(...answers: readonly NetlinkResult<number>[]) {
  const asked = { times: 0 };
  const ask = async (): Promise<NetlinkResult<number>> => answers[asked.times++] ?? REFUSED;
  return { asked, kept: keepSuccess(ask) };
}

describe('keepSuccess', () => {
  it('requests a value once, also for calls at the same time', async () => {
    const { asked, kept } = kernel(succeed(7));
    expect(await Promise.all([kept.get(), kept.get()])).toEqual([succeed(7), succeed(7)]);
    expect(await kept.get()).toEqual(succeed(7));
    expect(asked.times).toBe(1);
  });

  it('requests the value again after a failure', async () => {
    const { kept } = kernel(REFUSED, succeed(7));
    expect(await kept.get()).toEqual(REFUSED);
    expect(await kept.get()).toEqual(succeed(7));
  });

  it('requests a dropped value again', async () => {
    const { kept } = kernel(succeed(7), succeed(8));
    expect(await kept.get()).toEqual(succeed(7));
    kept.drop();
    expect(await kept.get()).toEqual(succeed(8));
  });

  it('keeps the value of a later request when a request from before the drop fails late', async () => {
    const waiting: ((answer: NetlinkResult<number>) => void)[] = [];
    const kept = keepSuccess(() => new Promise<NetlinkResult<number>>((resolve) => waiting.push(resolve)));
    const first = kept.get();
    kept.drop();
    const second = kept.get();
    waiting[1]?.(succeed(8));
    expect(await second).toEqual(succeed(8));
    waiting[0]?.(REFUSED);
    expect(await first).toEqual(REFUSED);
    expect(await kept.get()).toEqual(succeed(8));
    expect(waiting).toHaveLength(2);
  });
});

import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createRemote } from './remote.ts';

interface Counter {
  add(by: number): Promise<number>;
  table(): Promise<ReadonlyMap<string, number>>;
  fail(): Promise<void>;
  leave(): Promise<void>;
}

const script = path.join(import.meta.dirname, 'counter-child.ts');
const remote = createRemote<Counter>({ prefix: ['sh', '-c', 'exec "$@"', 'sh'], script, args: [] });
afterEach(() => remote.close());

describe('an object in another process', () => {
  it('keeps its state between calls, and returns maps as maps', async () => {
    expect(await remote.method('add')(2)).toBe(2);
    expect(await remote.method('add')(3)).toBe(5);
    expect(await remote.method('table')()).toEqual(new Map([['a', 1]]));
  });

  it('answers simultaneous calls, each with its own result', async () => {
    const add = remote.method('add');
    expect(await Promise.all([add(1), add(1), add(1)])).toEqual([1, 2, 3]);
  });

  it('passes on what a call throws', async () => {
    await expect(remote.method('fail')()).rejects.toThrow('failed there');
  });

  it('rejects calls to a process that cannot be started', async () => {
    const absent = createRemote<Counter>({ prefix: ['/no/such/command'], script, args: [] });
    await expect(absent.method('add')(1)).rejects.toThrow('could not be started: ');
    absent.close();
  });

  it('rejects pending calls when the process ends', async () => {
    await expect(remote.method('leave')()).rejects.toThrow('ended with 3');
  });
});

import type { WatchConnection } from '@signalbox/kubernetes';
import { afterEach, describe, expect, it } from 'vitest';
import { start, stopAll } from '../testing/proxy-world.ts';
import type { StatusAnswer } from './answers.ts';

afterEach(stopAll);

/** Of a proxy whose watches are in this state; the clock of tests starts at 1,700,000,000 s. */
async function apiOf(connection: Omit<WatchConnection, 'resource'>): Promise<StatusAnswer> {
  const connections = (): readonly WatchConnection[] => [{ resource: 'Service', ...connection }];
  const world = await start([], ['IPv4'], { bundle: { connections } });
  await world.settle();
  return (await (await world.get('metrics', '/debug/status')).json()) as StatusAnswer;
}

describe('the connection to the API server', () => {
  it('exists while the last attempt was answered', async () => {
    const { api, problems } = await apiOf({ lastContact: 1_699_999_940_000, error: null });
    expect([api?.connected, api?.resources[0]?.ageSeconds, problems]).toEqual([true, 60, []]);
  });

  it('is lost with the error of the last attempt, before the first answer too', async () => {
    const { api, state, problems } = await apiOf({ lastContact: null, error: 'connect ECONNREFUSED' });
    expect([api?.connected, state]).toEqual([false, 'degraded']);
    expect(problems).toEqual([
      'No connection to the API server (no answer since the start): connect ECONNREFUSED',
    ]);
  });

  it('is lost when a watch received nothing for longer than a server keeps a watch open', async () => {
    const { api, problems } = await apiOf({ lastContact: 1_699_990_000_000, error: null });
    expect(api?.connected).toBe(false);
    expect(problems).toEqual([
      'No connection to the API server (last contact 10000 s ago): the watch of Services is silent',
    ]);
  });
});

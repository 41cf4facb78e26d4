import { describe, expect, it } from 'vitest';
import type { Attempt, ConnectRequest } from '../agent/protocol.ts';
import type { World } from '../world.ts';
import { watchChange } from './change.ts';
import type { DemoEndpoint, Frontend } from './objects.ts';

const IPv4 = {
  from: '10.96.0.80',
  pods: { 'web-1': '10.244.1.11', 'web-2': '10.244.1.12', 'web-4': '10.244.1.14' },
};
const IPv6 = {
  from: 'fd00:10:96::50',
  pods: { 'web-1': 'fd00:10:244:1::11', 'web-2': 'fd00:10:244:1::12', 'web-4': 'fd00:10:244:1::14' },
};
const frontends: readonly Frontend[] = [IPv4, IPv6].map(({ from }) => ({
  kind: 'ClusterIP',
  service: 'shop/web',
  protocol: 'TCP',
  at: { address: from, port: 80 },
}));
const endpoints: readonly DemoEndpoint[] = [IPv4, IPv6].flatMap(({ pods }) =>
  Object.entries(pods).map(([pod, address]) => ({
    service: 'shop/web',
    pod,
    node: 'node-a',
    protocol: 'TCP' as const,
    at: { address, port: 8080 },
  })),
);

/** A node in which each family applies an edit after a given number of further connections. */
function fakeWorld(delays: { readonly IPv4: number; readonly IPv6: number }) {
  const state = { edited: false, after: { IPv4: 0, IPv6: 0 }, made: 0 };
  const answer = ({ to }: Omit<ConnectRequest, 'op'>): Attempt => {
    const family = to.address.includes(':') ? 'IPv6' : 'IPv4';
    if (state.edited) state.after[family] += 1;
    state.made += 1;
    const { pods } = family === 'IPv6' ? IPv6 : IPv4;
    const second = state.after[family] > delays[family] ? pods['web-4'] : pods['web-2'];
    const address = [pods['web-1'], second][state.made % 2] ?? '';
    return {
      kind: 'answered',
      endpoint: { address, port: 8080 },
      peer: { address: '10.244.1.9', port: 1024 },
    };
  };
  const host = {
    connect: (request: Omit<ConnectRequest, 'op'>) =>
      Promise.resolve(Array.from({ length: request.tries }, () => answer(request))),
  };
  return { state, world: { hostOf: () => host } as unknown as World };
}

describe('following a change', () => {
  it.each([
    { IPv4: 40, IPv6: 400 },
    { IPv4: 400, IPv6: 40 },
  ])('goes on until both families have changed: after $IPv4 and $IPv6 connections', async (delays) => {
    const { state, world } = fakeWorld(delays);
    const edit = (): void => {
      state.edited = true;
    };
    const stopped = new AbortController().signal;
    const change = { frontends, endpoints, goes: 'web-2', comes: 'web-4', edit, stopped };
    const { failed, connections } = await watchChange(world, change);
    expect(failed).toBe(0);
    expect(connections).toBe(state.made);
    // Fifty answers of each family without the old pod among them.
    expect(state.after.IPv4).toBeGreaterThanOrEqual(delays.IPv4 + 50);
    expect(state.after.IPv6).toBeGreaterThanOrEqual(delays.IPv6 + 50);
  });

  it('ends at once when the demo is stopped', async () => {
    const { world } = fakeWorld({ IPv4: 0, IPv6: 0 });
    const stopped = AbortSignal.abort(new Error('stopped'));
    const change = { frontends, endpoints, goes: 'web-2', comes: 'web-4', edit: () => undefined, stopped };
    await expect(watchChange(world, change)).rejects.toThrow('stopped');
  });
});

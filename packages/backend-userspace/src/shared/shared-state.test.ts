/** What threads decide together: several views of one memory, as each thread has one. */
import { createManualClock } from '@signalbox/core/testing';
import type { BalancingAlgorithm, ConnectionPolicy, DesiredEndpoint, SessionAffinity } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { noCounts } from '../driver/data-path.ts';
import { createUpstream, type Upstream } from '../driver/upstream.ts';
import { createSharedBuffer } from './layout.ts';
import { openSharedMemory } from './shared-memory.ts';
import { createSharedState } from './shared-state.ts';

const endpointsOf = (weights: readonly number[]): readonly DesiredEndpoint[] =>
  weights.map((weight, at) => ({ address: `10.244.1.${at}`, port: 8080, isLocal: true, weight }));

interface Shape {
  readonly threads?: number;
  readonly weights?: readonly number[];
  readonly balancing?: BalancingAlgorithm;
  readonly affinity?: SessionAffinity;
  readonly connections?: ConnectionPolicy;
}

function world({ threads = 2, weights = [1, 1, 1], ...shape }: Shape) {
  const clock = createManualClock();
  const buffer = createSharedBuffer(7, 2 ** 16);
  const start = (thread: number): Upstream => {
    const memory = openSharedMemory({ buffer, thread, threads });
    const state = createSharedState({ memory, name: 'shop/web:http', now: () => clock.elapsed() });
    return createUpstream(clock, noCounts().upstream, state);
  };
  const { balancing = 'round-robin', affinity = null, connections } = shape;
  const policies = { affinity, balancing, ...(connections === undefined ? {} : { connections }) };
  // Each thread has objects of its own.
  const choiceOf = (client = '192.0.2.1') => ({ policies, endpoints: endpointsOf(weights), client });
  const upstreams = Array.from({ length: threads }, (_, thread) => start(thread));
  return { clock, start, upstreams: upstreams as [Upstream, Upstream], policies, choiceOf };
}

function countsOf(names: readonly string[]): readonly number[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts.values()].toSorted((one, other) => one - other);
}

const nameOf = (upstream: Upstream, choice: ReturnType<ReturnType<typeof world>['choiceOf']>): string => {
  const { candidates, release } = upstream.choose(choice, 1);
  release();
  return candidates[0]?.address ?? '';
};

describe('threads with one memory', () => {
  it.each([
    [
      [1, 1, 1],
      [4, 4, 4],
    ],
    [
      [5, 1],
      [2, 10],
    ],
  ])('give endpoints with weights %j turns in common', (weights, counts) => {
    const { upstreams, choiceOf } = world({ threads: 3, weights });
    const choices = upstreams.map(() => choiceOf());
    const order = Array.from({ length: 12 }, (_, at) => (at * at) % 3);
    const names = order.map((thread) => nameOf(upstreams[thread] as Upstream, choices[thread] ?? choiceOf()));
    expect(countsOf(names)).toEqual(counts);
  });

  it('choose the endpoint with the fewest connections of all threads', () => {
    const { upstreams, choiceOf } = world({ balancing: 'least-connections' });
    const [one, other] = upstreams;
    const opened = Array.from({ length: 9 }, (_, at) => (at % 4 === 0 ? one : other).choose(choiceOf(), 1));
    expect(countsOf(opened.map(({ candidates }) => candidates[0]?.address ?? ''))).toEqual([3, 3, 3]);
    const idle = opened[4]?.candidates[0]?.address;
    for (const { candidates, release } of opened) if (candidates[0]?.address === idle) release();
    expect([nameOf(one, choiceOf()), nameOf(other, choiceOf())]).toEqual([idle, idle]);
  });

  it('admit as many connections as the limit permits in common, and count refused ones', () => {
    const { upstreams, policies } = world({ connections: { maxConnections: 3 } });
    const [one, other] = upstreams;
    const admitted = [one.admit(policies), other.admit(policies), one.admit(policies)];
    expect([one.admit(policies), other.admit(policies)]).toEqual([null, null]);
    expect(other.limits(policies)[0]).toEqual({ name: 'connections', now: 3, limit: 3, refused: 2 });
    admitted[1]?.end();
    expect(one.admit(policies)).not.toBeNull();
    expect(one.admit(policies)).toBeNull();
  });

  it('send a client of either thread to the same endpoint for the affinity timeout', () => {
    const { clock, upstreams, choiceOf } = world({
      weights: Array(50).fill(1),
      affinity: { timeoutSeconds: 60 },
    });
    const [one, other] = upstreams;
    const clients = Array.from({ length: 40 }, (_, at) => choiceOf(`2001:db8::${at}`));
    const last = clients.map((choice) => {
      const [endpoint] = one.choose(choice, 1).candidates as [DesiredEndpoint];
      one.connected(choice, endpoint);
      return endpoint.address;
    });
    clock.advance(59_999);
    expect(clients.map((choice) => nameOf(other, choice))).toEqual(last);
    clock.advance(1);
    expect(clients.map((choice) => nameOf(other, choice))).not.toEqual(last);
  });

  it('eject an endpoint after failures of all threads, and use it again when the ejection is over', () => {
    const { clock, upstreams, choiceOf } = world({});
    const [one, other] = upstreams;
    const choice = choiceOf();
    const [failing] = choice.endpoints as [DesiredEndpoint];
    for (let at = 0; at < 5; at++) (at % 2 === 0 ? one : other).failed(choice, failing);
    const seen = (): ReadonlySet<string> =>
      new Set(Array.from({ length: 12 }, (_, at) => nameOf(at % 2 === 0 ? one : other, choiceOf())));
    expect(seen().has(failing.address)).toBe(false);
    expect([one.ejected().length, other.ejected().length]).toEqual([1, 1]);
    clock.advance(30_000);
    expect(seen().has(failing.address)).toBe(true);
    expect([one.ejected().length, other.ejected().length]).toEqual([0, 0]);
  });

  it('count a success in one thread against the failures in another', () => {
    const { upstreams, choiceOf } = world({});
    const [one, other] = upstreams;
    const choice = choiceOf();
    const [flaky] = choice.endpoints as [DesiredEndpoint];
    for (let at = 0; at < 4; at++) one.failed(choice, flaky);
    expect(other.hasFailures(flaky)).toBe(true);
    other.succeeded(flaky);
    for (let at = 0; at < 4; at++) one.failed(choice, flaky);
    expect(other.ejected().length).toBe(0);
  });

  it('skip an endpoint that fails the checks of one thread', () => {
    const { upstreams, choiceOf } = world({});
    const [one, other] = upstreams;
    const choice = choiceOf();
    const [failing] = choice.endpoints as [DesiredEndpoint];
    for (let at = 0; at < 3; at++) one.checked(failing, false);
    const seen = new Set(Array.from({ length: 9 }, () => nameOf(other, choice)));
    expect(seen.has(failing.address)).toBe(false);
    one.checked(failing, true);
    expect(new Set(Array.from({ length: 9 }, () => nameOf(other, choice))).has(failing.address)).toBe(true);
  });

  it('show the counts of all threads', () => {
    const { upstreams, choiceOf } = world({ weights: [1] });
    const [one, other] = upstreams;
    const choice = choiceOf();
    const [endpoint] = choice.endpoints as [DesiredEndpoint];
    for (const upstream of [one, other, other]) {
      upstream.choose(choice, 1);
      upstream.connected(choice, endpoint);
    }
    const counts = [{ address: '10.244.1.0', port: 8080, connections: 3, active: 3 }];
    expect([one.endpoints(), other.endpoints()]).toEqual([counts, counts]);
  });

  it('do not count the connections of a thread that ended', () => {
    const { upstreams, start, choiceOf, policies } = world({
      weights: [1],
      connections: { maxConnections: 2 },
    });
    const [one, other] = upstreams;
    for (const upstream of [one, other]) {
      upstream.admit(policies);
      upstream.choose(choiceOf(), 1);
    }
    expect(one.admit(policies)).toBeNull();
    start(1);
    expect(one.limits(policies)[0]).toMatchObject({ now: 1 });
    expect(one.endpoints()).toMatchObject([{ active: 1 }]);
    expect(one.admit(policies)).not.toBeNull();
  });
});

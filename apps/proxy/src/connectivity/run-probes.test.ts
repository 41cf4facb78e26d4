import { fail, succeed } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import type { Attempt, ConnectRequest } from './connect.ts';
import type { Probe } from './probes.ts';
import { runProbes, type Connect, type Flows } from './run-probes.ts';

function probe(last: number, more: Partial<Probe> = {}): Probe {
  return {
    caller: 'node',
    family: 'IPv4',
    servicePort: `shop/s${last}:/TCP`,
    service: `shop/s${last}`,
    kind: 'ClusterIP',
    protocol: 'TCP',
    address: `10.96.0.${last}`,
    port: 80,
    ...more,
  };
}

const LOCAL = { address: '192.0.2.10', port: 40_000 };
const ANSWERED: Attempt = { result: 'answered', local: LOCAL };

function flow(destination: string, endpoint: string) {
  return {
    family: 'IPv4' as const,
    protocol: 6,
    original: {
      source: LOCAL.address,
      sourcePort: LOCAL.port,
      destination,
      destinationPort: 80,
    },
    reply: { source: endpoint, sourcePort: 8080, destination: LOCAL.address, destinationPort: LOCAL.port },
  };
}

function run(connect: Connect, flows: Flows | null = null, limit = 60_000) {
  const clock = createManualClock();
  const callers = new Map([['node' as const, connect]]);
  return { clock, options: { callers, flows, clock, tries: 1, timeout: 1000, limit } };
}

describe('probes', () => {
  it('report in their order, with the endpoint that connection tracking shows', async () => {
    const items = [flow('10.96.0.1', '10.244.1.5'), flow('10.96.0.2', '10.96.0.2')];
    const listFlows: Flows['listFlows'] = () => Promise.resolve(succeed({ items }));
    const { options } = run(() => Promise.resolve([ANSWERED]), { listFlows });
    const done = await runProbes([probe(1), probe(2), probe(3)], options);
    expect(done.map(({ probe: { service }, attempts }) => [service, attempts?.[0]?.endpoint])).toEqual([
      ['shop/s1', { address: '10.244.1.5', port: 8080 }],
      // Not translated on this node but in part: port 80 became 8080.
      ['shop/s2', { address: '10.96.0.2', port: 8080 }],
      ['shop/s3', null],
    ]);
  });

  it('report without endpoints where connection tracking cannot be read', async () => {
    const error = { code: 'not-permitted', operation: 'IPCTNL_MSG_CT_GET', message: 'EPERM' } as const;
    const listFlows: Flows['listFlows'] = () => Promise.resolve(fail(error as never));
    const { options } = run(() => Promise.resolve([ANSWERED]), { listFlows });
    const [done] = await runProbes([probe(1)], options);
    expect(done?.attempts).toEqual([{ ...ANSWERED, endpoint: null }]);
  });

  it('run at most eight at a time', async () => {
    const state = { now: 0, most: 0 };
    const connect: Connect = async () => {
      state.now += 1;
      state.most = Math.max(state.most, state.now);
      await Promise.resolve();
      state.now -= 1;
      return [ANSWERED];
    };
    const probes = Array.from({ length: 70 }, (_, index) => probe(index));
    const done = await runProbes(probes, run(connect).options);
    expect(done.map(({ probe: { service } }) => service)).toEqual(probes.map(({ service }) => service));
    expect(state.most).toBe(8);
  });

  it('are skipped when time is up, and where Node.js has no sockets of the protocol', async () => {
    const asked: ConnectRequest[] = [];
    const { clock, options } = run(
      (request) => {
        asked.push(request);
        clock.advance(100);
        return Promise.resolve([ANSWERED]);
      },
      null,
      50,
    );
    const probes = [probe(1, { protocol: 'SCTP' }), ...Array.from({ length: 20 }, (_, at) => probe(at + 2))];
    const done = await runProbes(probes, options);
    expect(asked.map(({ address }) => address)).toEqual(['10.96.0.2']);
    expect(done.filter(({ attempts }) => attempts === null)).toHaveLength(20);
  });
});

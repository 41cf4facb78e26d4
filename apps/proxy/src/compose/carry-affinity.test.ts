import type { AffinityClient } from '@signalbox/backend-kit';
import { sampleServicePort, sampleStateOf } from '@signalbox/backend-kit/testing';
import { backendError, fail, succeed } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createLogging } from '../logging/logger.ts';
import { IPTABLES } from '../modes/iptables.ts';
import type { AffinityAccess, ProxyMode } from '../modes/proxy-mode.ts';
import { carryAffinity } from './carry-affinity.ts';

const sticky = sampleServicePort('IPv4', { affinitySeconds: 600 });
const [first, second] = sticky.clusterEndpoints;
if (first === undefined || second === undefined) throw new RangeError('two endpoints');

const clientOf = (client: string, endpoint: typeof first, remaining: number): AffinityClient => ({
  servicePort: sticky.name,
  endpoint,
  client,
  remaining,
});

const refusal = backendError('not-permitted', '/proc/net/xt_recent', 'EACCES');

/** A mode whose clients are in memory; `refuses`: an operation of the kernel. */
function modeWith(name: string, clients: AffinityClient[] | null, refuses?: keyof AffinityAccess) {
  const mode: ProxyMode = { ...IPTABLES, name };
  if (clients === null) return { ...mode, affinity: undefined } as unknown as ProxyMode;
  const affinity: AffinityAccess = {
    read: () => Promise.resolve(refuses === 'read' ? fail(refusal) : succeed([...clients])),
    write: (_, added) => {
      if (refuses === 'write') return Promise.resolve(refusal);
      clients.push(...added);
      return Promise.resolve(null);
    },
  };
  return { ...mode, affinity };
}

async function carry(mode: ProxyMode, others: readonly ProxyMode[], services = [sticky]): Promise<string> {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const { logger } = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  await carryAffinity({ mode, others, states: [sampleStateOf('IPv4', services)], logger });
  return lines.join('');
}

describe('session affinity across a change of the mode', () => {
  it('is kept: each client stays at the endpoint that it used last in any other mode', async () => {
    const now: AffinityClient[] = [];
    const one = modeWith('one', [clientOf('10.0.0.1', first, 5000), clientOf('10.0.0.2', first, 100)]);
    const two = modeWith('two', [clientOf('10.0.0.2', second, 200)]);
    const log = await carry(modeWith('three', now), [one, modeWith('none', null), two]);
    expect(now).toEqual([clientOf('10.0.0.1', first, 5000), clientOf('10.0.0.2', second, 200)]);
    expect(log).toMatch(/"Kept session affinity of clients" family="IPv4" mode="three" clients=2/);
  });

  it.each([
    ['the new mode cannot take clients', [sticky], null],
    ['no Service has affinity', [{ ...sticky, affinity: null }], []],
  ] as const)('is nothing to do, and not logged, if %s', async (_, services, clients) => {
    const one = modeWith('one', [clientOf('10.0.0.1', first, 5000)]);
    const into = clients === null ? null : [...clients];
    expect(await carry(modeWith('two', into), [one], [...services])).toBe('');
    expect(into ?? []).toEqual([]);
  });

  it('is kept from the modes that can be read, and a warning names the other one', async () => {
    const now: AffinityClient[] = [];
    const broken = modeWith('broken', [], 'read');
    const one = modeWith('one', [clientOf('10.0.0.1', first, 5000)]);
    const log = await carry(modeWith('two', now), [broken, one]);
    expect(now).toHaveLength(1);
    expect(log).toMatch(/^W.*"Failed to keep session affinity of clients".*EACCES.*from="broken"/m);
  });

  it('is one warning if the kernel refuses the clients', async () => {
    const one = modeWith('one', [clientOf('10.0.0.1', first, 5000)]);
    const log = await carry(modeWith('two', [], 'write'), [one]);
    expect(log).toMatch(/^W.*"Failed to keep session affinity of clients".*EACCES.*mode="two"\n$/);
  });
});

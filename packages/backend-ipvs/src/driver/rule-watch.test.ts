import type { OtherCommits } from '@signalbox/iptables';
import { backendError, type BackendError, type Drift } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { watchRules } from './rule-watch.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const FORWARD: Drift = { kind: 'altered', type: 'chain', name: 'KUBE-FORWARD', within: 'filter' };

async function lab(variant: 'nft' | 'legacy' = 'nft') {
  const clock = createManualClock();
  const kernel = {
    commits: { kind: 'counted', total: 3 } as OtherCommits,
    drift: [] as Drift[],
    error: null as BackendError | null,
    compared: 0,
  };
  const rules = { desired: true };
  const reported: string[] = [];
  const problems: string[] = [];
  const stop = watchRules({
    iptables: {
      probe: async () => ({ ok: true, value: { variant, version: '1.8.9', randomFully: true } }),
      otherCommits: async () => kernel.commits,
    },
    rules: {
      again: () => {
        if (!rules.desired) return null;
        kernel.compared++;
        const { error, drift } = kernel;
        return Promise.resolve(error === null ? { ok: true, value: drift } : { ok: false, error });
      },
    },
    onDrift: (what) => reported.push(what),
    onProblem: ({ message }) => problems.push(message),
    clock,
  });
  await settled();
  const poll = async (): Promise<void> => {
    clock.advance(250);
    await settled();
  };
  return { clock, kernel, rules, reported, problems, stop, poll };
}

describe('watchRules', () => {
  it('compares the rules once after a commit of another process, and reports the first difference', async () => {
    const { kernel, reported, poll, stop, clock } = await lab();
    await poll();
    expect([kernel.compared, reported]).toEqual([1, []]);
    kernel.commits = { kind: 'counted', total: 4 };
    kernel.drift = [FORWARD, { ...FORWARD, name: 'KUBE-SERVICES' }];
    await poll();
    await poll();
    expect([kernel.compared, reported]).toEqual([2, ['altered chain KUBE-FORWARD in filter']]);
    stop();
    expect(clock.pending).toEqual([]);
  });

  it('compares commits that came before there were rules as soon as there are', async () => {
    const { kernel, rules, reported, poll, stop } = await lab();
    rules.desired = false;
    kernel.commits = { kind: 'counted', total: 4 };
    kernel.drift = [FORWARD];
    await poll();
    expect(reported).toEqual([]);
    rules.desired = true;
    await poll();
    expect(reported).toEqual(['altered chain KUBE-FORWARD in filter']);
    stop();
  });

  it('reports once why commits cannot be counted', async () => {
    const { kernel, problems, poll, stop } = await lab();
    kernel.commits = { kind: 'unavailable', error: backendError('not-permitted', 'NFT_MSG_GETGEN', 'EPERM') };
    await poll();
    await poll();
    expect(problems).toEqual(['EPERM']);
    stop();
  });

  it('reports once why the rules cannot be compared, and compares them as soon as they can be', async () => {
    const { kernel, reported, problems, poll, stop } = await lab();
    kernel.error = backendError('busy', 'iptables-save', 'no processes left');
    kernel.commits = { kind: 'counted', total: 4 };
    await poll();
    await poll();
    kernel.error = null;
    kernel.drift = [FORWARD];
    await poll();
    expect([problems, reported]).toEqual([['no processes left'], ['altered chain KUBE-FORWARD in filter']]);
    stop();
  });

  it('does nothing in the legacy variant', async () => {
    const { kernel, clock } = await lab('legacy');
    expect([kernel.compared, clock.pending]).toEqual([0, []]);
  });
});

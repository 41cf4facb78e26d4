/** Chains with rules that iptables cannot list: see also native-rules.kernel.test.ts. */
import { fullChange, type SyncResult } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import { changeBetween, sampleService, sampleState } from '../testing/sample-state.ts';

const STATE = sampleState([sampleService({ index: 1 }), sampleService({ index: 2 })]);
const JUMP = '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING\n';

function lab() {
  const fake = createFakeIptables({ family: 'IPv4' });
  const restart = () => createIptablesBackend({ family: 'IPv4', driver: fake.driver });
  const ok = async (result: Promise<SyncResult>): Promise<void> =>
    expect(await result).toMatchObject({ outcome: 'ok', repaired: [] });
  const jumps = (): number => fake.dump('nat').split(JUMP).length - 1;
  return { fake, restart, ok, jumps };
}

describe('a hook with rules that iptables cannot list', () => {
  it('gets a jump once, however often it is verified', async () => {
    const { fake, restart, ok, jumps } = lab();
    fake.unlisted.add('nat POSTROUTING').add('filter FORWARD');
    const backend = restart();
    await ok(backend.sync(fullChange(STATE)));
    await ok(backend.sync(changeBetween(STATE, STATE)));
    await ok(restart().sync(fullChange(STATE)));
    expect(jumps()).toBe(1);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('gets a missing jump again', async () => {
    const { fake, restart, ok, jumps } = lab();
    const backend = restart();
    await ok(backend.sync(fullChange(STATE)));
    fake.unlisted.add('nat POSTROUTING');
    fake.byOthers('*nat\n-F POSTROUTING\nCOMMIT\n');
    expect(await backend.observe()).toMatchObject({ drift: [{ kind: 'missing' }] });
    await backend.sync(changeBetween(STATE, STATE));
    await backend.sync(fullChange(STATE));
    expect(jumps()).toBe(1);
  });

  it('loses every copy of a jump in a clean-up', async () => {
    const { fake, restart, ok, jumps } = lab();
    await ok(restart().sync(fullChange(STATE)));
    fake.unlisted.add('nat POSTROUTING');
    fake.byOthers(`*nat\n${JUMP.repeat(4)}COMMIT\n`);
    expect(jumps()).toBe(5);
    expect(await restart().cleanup()).toMatchObject({ outcome: 'ok' });
    expect(fake.dump('nat')).not.toContain('KUBE-');
  });
});

describe('a chain of services with such a rule', () => {
  it('is rewritten', async () => {
    const { fake, restart, ok } = lab();
    await ok(restart().sync(fullChange(STATE)));
    fake.unlisted.add('nat KUBE-SERVICES');
    const before = fake.inputs.length;
    await ok(restart().sync(fullChange(STATE)));
    expect(fake.inputs.slice(before).join('')).toContain(':KUBE-SERVICES - [0:0]');
  });
});

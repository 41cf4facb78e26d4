/** Only changes by other processes are reported as repaired, after any failures and changes of desired state. */
import { fullChange, type Backend } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createFakeIptables, type FakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import { changeBetween, sampleEndpoints, sampleService, sampleState } from '../testing/sample-state.ts';

const SERVICES = Array.from({ length: 6 }, (_, index) => sampleService({ index }));
const STATE = sampleState(SERVICES);
const moved = (port: number) => sampleService({ index: 3, endpoints: sampleEndpoints(3, 2, port) });
const stateWith = (port: number) =>
  sampleState(SERVICES.map((service) => (service.key === moved(port).key ? moved(port) : service)));

interface Lab {
  readonly fake: FakeIptables;
  readonly backend: Backend;
  readonly fault: { operation: string };
}

async function lab(): Promise<Lab> {
  const fault = { operation: '' };
  const fake = createFakeIptables({ family: 'IPv4', faults: (operation) => operation === fault.operation });
  const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
  expect(await backend.sync(fullChange(STATE))).toMatchObject({ outcome: 'ok', repaired: [] });
  return { fake, backend, fault };
}

describe.each(['iptables-save', 'iptables-restore', 'iptables-restore nat', 'iptables-restore end'])(
  'after full syncs that fail at %s',
  (operation) => {
    it('reports no change of the desired state in between as repaired', async () => {
      const { backend, fault } = await lab();
      fault.operation = operation;
      // One step at a time: the desired rules at each failure differ from those at the one before.
      for (const [from, to] of [
        [STATE, stateWith(9090)],
        [stateWith(9090), sampleState(SERVICES.slice(1))],
        [sampleState(SERVICES.slice(1)), stateWith(9191)],
      ] as const) {
        await backend.sync(fullChange(from));
        await backend.sync(changeBetween(from, to));
      }
      fault.operation = '';
      const state = stateWith(9191);
      expect(await backend.sync(changeBetween(state, state))).toMatchObject({ outcome: 'ok', repaired: [] });
      expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    });
  },
);

it('reports what another process altered before a full sync that failed', async () => {
  const { fake, backend, fault } = await lab();
  fake.byOthers('*nat\n-F KUBE-MARK-MASQ\n-F PREROUTING\nCOMMIT\n');
  fault.operation = 'iptables-restore';
  expect(await backend.sync(fullChange(STATE))).toMatchObject({ outcome: 'failed', repaired: [] });
  fault.operation = '';
  const next = stateWith(9090);
  const { repaired } = await backend.sync(changeBetween(STATE, next));
  expect(repaired.map(({ name, within = '' }) => (within === 'nat' ? name : within))).toEqual([
    'KUBE-MARK-MASQ',
    'nat PREROUTING',
  ]);
});

it('reports no jump of a first sync that failed as removed', async () => {
  const fault = { on: true };
  const fake = createFakeIptables({
    family: 'IPv4',
    faults: (asked) => fault.on && asked === 'iptables-restore',
  });
  const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
  expect(await backend.sync(fullChange(STATE))).toMatchObject({ outcome: 'failed' });
  fault.on = false;
  expect(await backend.sync(changeBetween(STATE, STATE))).toMatchObject({ outcome: 'ok', repaired: [] });
});

/** At any moment between two transactions, packets meet the old rules, the new ones, or a refusal. */
import type { DesiredServicePort, DesiredState, Outcome } from '@signalbox/core';
import { fullChange } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createFakeIptables, type FakeIptables, tracePacket } from '@signalbox/iptables/testing';
import { createIptablesBackend } from './iptables-backend.ts';
import {
  changeBetween,
  clusterIP,
  REFUSED,
  sampleEndpoints,
  sampleService,
  sampleState,
} from '../testing/sample-state.ts';
import { rulesOf } from '../testing/scenario-backend.ts';

const COUNT = 150;

function outcome(fake: FakeIptables, index: number): Outcome {
  const frontend = clusterIP(index, REFUSED);
  const destination = frontend.kind === 'cluster-ip' ? frontend.address : '';
  const world = { addresses: ['192.0.2.10'], recent: new Map(), now: () => 0, remember: false };
  return tracePacket(
    { rules: (table) => rulesOf(fake, table), world, chance: 'both' },
    { protocol: 'TCP', source: '10.244.1.9', inInterface: 'cni0', destination, destinationPort: 80 },
  );
}

function states(): { readonly before: DesiredState; readonly after: DesiredState } {
  const before: DesiredServicePort[] = [];
  const after: DesiredServicePort[] = [];
  const refused = (index: number) =>
    sampleService({ index, endpoints: [], frontends: [clusterIP(index, REFUSED)] });
  for (let index = 0; index < COUNT; index++) {
    const there = sampleService({ index });
    const kind = index % 4;
    before.push(kind === 0 ? refused(index) : there);
    if (kind === 0) after.push(there);
    else if (kind === 1) after.push(refused(index));
    else after.push(sampleService({ index, endpoints: sampleEndpoints(index, 3, 9090) }));
  }
  return { before: sampleState(before), after: sampleState(after) };
}

/**
 * 64 services stay refused, so that the tree of refusals is deep. Of 10.96.0.64/28 first three are refused, in the chain of all
 * refused services; then nine others are, in a chain to which that one leads by goto, and the three have endpoints.
 */
function branchingStates(): { readonly before: DesiredState; readonly after: DesiredState } {
  const refused = (index: number) =>
    sampleService({ index, endpoints: [], frontends: [clusterIP(index, REFUSED)] });
  const stateOf = (isRefused: (index: number) => boolean): DesiredState =>
    sampleState(
      Array.from({ length: 80 }, (_, index) =>
        index < 64 || isRefused(index) ? refused(index) : sampleService({ index }),
      ),
    );
  return { before: stateOf((index) => index < 67), after: stateOf((index) => index >= 70 && index < 79) };
}

describe.each(['nft', 'legacy'] as const)('transactions, %s variant', (variant) => {
  it('never expose a packet to rules that are neither old nor new, whichever transactions are applied', async () => {
    const { before, after } = states();
    const fake = createFakeIptables({ family: 'IPv4', variant });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    await backend.sync(fullChange(before));
    const old = Array.from({ length: COUNT }, (_, index) => outcome(fake, index));
    const start = fake.inputs.length;
    const replica = createFakeIptables({ family: 'IPv4', variant });
    for (const input of fake.inputs) replica.byOthers(input);
    await backend.sync(changeBetween(before, after));
    const next = Array.from({ length: COUNT }, (_, index) => outcome(fake, index));
    const transactions = fake.inputs.slice(start).flatMap((input) => input.match(/\*[^]*?COMMIT\n/g) ?? []);
    expect(transactions.length).toBeGreaterThan(variant === 'nft' ? 5 : 1);
    for (const transaction of transactions) {
      replica.byOthers(transaction);
      for (let index = 0; index < COUNT; index++) {
        const now = outcome(replica, index);
        const allowed = [old[index], next[index], { kind: 'reject' }];
        expect(allowed, `service ${index} after ${transaction.slice(0, 60)}`).toContainEqual(now);
      }
    }
    for (const table of ['nat', 'filter'] as const) expect(replica.dump(table)).toBe(fake.dump(table));
  });

  it.each([
    ['', states()],
    [', also where refusals move to a branch of their own in the tree', branchingStates()],
  ])('of a full sync over what another process left never do so either%s', async (_, { before, after }) => {
    const fake = createFakeIptables({ family: 'IPv4', variant });
    await createIptablesBackend({ family: 'IPv4', driver: fake.driver }).sync(fullChange(before));
    const old = Array.from({ length: COUNT }, (_, index) => outcome(fake, index));
    const start = fake.inputs.length;
    const replica = createFakeIptables({ family: 'IPv4', variant });
    for (const input of fake.inputs) replica.byOthers(input);
    const next = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    await next.sync(fullChange(after));
    const desired = Array.from({ length: COUNT }, (_, index) => outcome(fake, index));
    const transactions = fake.inputs.slice(start).flatMap((input) => input.match(/\*[^]*?COMMIT\n/g) ?? []);
    expect(transactions.length).toBeGreaterThan(2);
    for (const transaction of transactions) {
      replica.byOthers(transaction);
      for (let index = 0; index < COUNT; index++) {
        const allowed = [old[index], desired[index], { kind: 'reject' }];
        const now = outcome(replica, index);
        expect(allowed, `service ${index} after ${transaction.slice(0, 60)}`).toContainEqual(now);
      }
    }
    for (const table of ['nat', 'filter'] as const) expect(replica.dump(table)).toBe(fake.dump(table));
    expect(await next.observe()).toEqual({ outcome: 'ok', drift: [] });
    expect((await next.sync(changeBetween(after, after))).scope).toBe('none');
  });

  it('of a Local service that gains its first pod on this node drop its packets until they reach the pod', async () => {
    const to = (target: 'drop' | 'local') =>
      clusterIP(1, [{ source: 'any', target, masquerade: false, rule: 'S24' }]);
    const remote = sampleEndpoints(1, 2).map((endpoint) => ({ ...endpoint, isLocal: false }));
    const before = sampleState([sampleService({ index: 1, endpoints: remote, frontends: [to('drop')] })]);
    const after = sampleState([sampleService({ index: 1, frontends: [to('local')] })]);
    const fake = createFakeIptables({ family: 'IPv4', variant });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    await backend.sync(fullChange(before));
    const replica = createFakeIptables({ family: 'IPv4', variant });
    for (const input of fake.inputs) replica.byOthers(input);
    const start = fake.inputs.length;
    expect(outcome(replica, 1)).toEqual({ kind: 'drop' });
    await backend.sync(changeBetween(before, after));
    const kinds = fake.inputs
      .slice(start)
      .flatMap((input) => input.match(/\*[^]*?COMMIT\n/g) ?? [])
      .map((transaction) => {
        replica.byOthers(transaction);
        return outcome(replica, 1).kind;
      });
    expect(kinds.at(-1)).toBe('forward');
    expect(kinds.slice(0, -1).filter((kind) => kind !== 'drop' && kind !== 'forward')).toEqual([]);
    expect(kinds.length).toBeGreaterThan(1);
  });

  it('are small in the nft variant and few in the legacy variant', async () => {
    const fake = createFakeIptables({ family: 'IPv4', variant });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    const result = await backend.sync(fullChange(states().before));
    const chains = fake.inputs
      .flatMap((input) => input.match(/\*[^]*?COMMIT\n/g) ?? [])
      .map((transaction) => transaction.match(/^:/gm)?.length ?? 0);
    expect(result.counters['restores']).toBe(1);
    if (variant === 'nft') expect(Math.max(...chains)).toBeLessThanOrEqual(101);
    else expect(chains.length).toBeLessThanOrEqual(4);
  });
});

describe('a first sync of many services', () => {
  const MANY = 600;
  const desired = fullChange(
    sampleState(
      Array.from({ length: MANY }, (_, index) =>
        sampleService({ index, endpoints: sampleEndpoints(index, 10) }),
      ),
    ),
  );
  const chainsOf = (input: string): number => input.match(/^:/gm)?.length ?? 0;

  it('is written while it is compiled, and affects no packet before it is complete', async () => {
    const fake = createFakeIptables({ family: 'IPv4', variant: 'nft' });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    const result = await backend.sync(desired);
    expect(result.outcome).toBe('ok');
    expect(Math.max(...fake.inputs.map(chainsOf))).toBeLessThanOrEqual(2_500);
    expect(fake.inputs.length).toBe(3);
    const replica = createFakeIptables({ family: 'IPv4', variant: 'nft' });
    for (const ahead of fake.inputs.slice(0, -1)) replica.byOthers(ahead);
    const before = [0, 99, MANY - 1].map((index) => outcome(replica, index).kind);
    expect(before).toEqual(['pass', 'pass', 'pass']);
    replica.byOthers(fake.inputs.at(-1) ?? '');
    const after = [0, 99, MANY - 1].map((index) => outcome(replica, index).kind);
    expect(after).toEqual(['forward', 'forward', 'forward']);
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it.each([0, 1, 2])('that fails at call %i is completed by the next', async (at) => {
    let calls = 0;
    const fake = createFakeIptables({
      family: 'IPv4',
      variant: 'nft',
      faults: (operation) => operation === 'iptables-restore' && calls++ === at,
    });
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    expect((await backend.sync(desired)).error?.code).toBe('busy');
    const again = await backend.sync(changeBetween(sampleState([]), sampleState([])));
    expect(again.error).toBeUndefined();
    expect(outcome(fake, MANY - 1).kind).toBe('forward');
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
  });

  it('is written in one transaction per table in the legacy variant', async () => {
    const fake = createFakeIptables({ family: 'IPv4', variant: 'legacy' });
    await createIptablesBackend({ family: 'IPv4', driver: fake.driver }).sync(desired);
    const nat = fake.inputs.flatMap((input) => input.match(/^\*nat$/gm) ?? []);
    expect(nat.length).toBe(1);
  });
});

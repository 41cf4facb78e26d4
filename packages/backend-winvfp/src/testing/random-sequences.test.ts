import { fullChange } from '@signalbox/core';
import { createHns } from '@signalbox/hns-simulator';
import { describe, expect, it, vi } from 'vitest';
import { seededRandom } from '@signalbox/testkit';
import { recordHcn } from '../driver/recorder.ts';
import {
  addUnowned,
  addNetwork,
  attachPod,
  createRandomHost,
  newBackend,
  type HostShape,
} from './random-host.ts';
import { describeSnapshot, LOCAL_PODS, pick, VERSIONS } from './random-world.ts';
import { createSimulatedHcn } from './simulated-hcn.ts';

/** Ten tests of a hundred sequences. */
const BATCHES = Array.from({ length: 10 }, (_, index) => index * 100);
const STEPS = 12;
/** Half a second of work each on an idle machine; test suites share the cores. */
vi.setConfig({ testTimeout: 60_000 });

function shapeOf(seed: number): HostShape {
  const random = seededRandom(seed * 7919 + 1);
  const version = pick(random, VERSIONS);
  return {
    overlay: random() < 0.4,
    hns: {
      version,
      modifyLies: version.major === 15 && random() < 0.2,
      // Without a mark in the id, objects of a former process cannot be distinguished from those of other programs.
      ignoresRequestedIds: random() < 0.2,
    },
  };
}

/** The result of a new process on a new host with the same desired state. */
async function fromScratch(
  shape: HostShape,
  host: ReturnType<typeof createRandomHost>,
): Promise<readonly string[]> {
  const hns = createHns(shape.hns);
  const routes = host.hns.snapshot().networks[0]?.Policies ?? [];
  addNetwork(
    hns,
    shape,
    routes.map((route) => String(route.Settings['ProviderAddress'])),
  );
  addUnowned(hns);
  for (const address of LOCAL_PODS) attachPod(hns, address);
  const result = await newBackend(shape, createSimulatedHcn(hns)).sync(fullChange(host.state()));
  expect(result.outcome, JSON.stringify(result)).toBe('ok');
  return describeSnapshot(hns.snapshot());
}

async function live(seed: number): Promise<void> {
  const shape = shapeOf(seed);
  const host = createRandomHost(shape, seededRandom(seed));
  for (let step = 0; step < STEPS; step += 1) await host.step();
  const last = await host.settle();
  const where = `seed ${seed} ${JSON.stringify(shape)}`;
  expect(last.outcome, `${where}: ${JSON.stringify(last)}`).toBe('ok');
  expect(describeSnapshot(host.hns.snapshot()), where).toEqual(await fromScratch(shape, host));
  expect(host.hns.openHandles(), `${where}: open handles`).toBe(0);
  expect(await host.backend().observe(), where).toEqual({ outcome: 'ok', drift: [] });
}

describe('random sequences of events on a node', () => {
  it.each(BATCHES)(
    'lives %d to +99 end without a leak and in the state that a fresh start makes',
    async (first) => {
      for (let seed = first; seed < first + 100; seed += 1) await live(seed);
    },
  );

  it('cleanup leaves objects of other programs, and no others', async () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const host = createRandomHost(shapeOf(seed), seededRandom(seed));
      for (let step = 0; step < STEPS; step += 1) await host.step();
      await host.settle();
      // A new process without stored state; without marks only stored state identifies owned objects.
      const marked = shapeOf(seed).hns.ignoresRequestedIds !== true;
      const cleaned = await (
        marked ? newBackend(shapeOf(seed), createSimulatedHcn(host.hns)) : host.backend()
      ).cleanup();
      expect(cleaned.outcome, JSON.stringify(cleaned)).toBe('ok');
      const left = host.hns.snapshot();
      expect(left.endpoints.filter((entry) => !/^pod-|^other-agent$/.test(entry.Name ?? ''))).toEqual([]);
      expect(left.loadBalancers.map((entry) => entry.ID.slice(0, 8))).toEqual(['F0000000', 'F0000000']);
    }
  });

  it('a sync that finds no difference writes nothing', async () => {
    const host = createRandomHost(shapeOf(3), seededRandom(3));
    for (let step = 0; step < STEPS; step += 1) await host.step();
    await host.settle();
    const recorder = recordHcn(createSimulatedHcn(host.hns));
    const result = await newBackend(shapeOf(3), recorder).sync(fullChange(host.state()));
    expect(result).toMatchObject({ outcome: 'ok', scope: 'full', counters: {} });
    expect(new Set(recorder.calls.map((call) => call.request.op))).toEqual(new Set(['hns', 'list']));
  });
});

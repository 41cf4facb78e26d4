/**
 * The contract of a backend as cases: every backend runs the same ones, on its fake kernel and on the real one. A test
 * framework is not needed: each case is a title and a function that rejects when the contract is broken.
 *
 *     for (const { title, run } of contractCases(harness)) it(title, run);
 */
import assert from 'node:assert/strict';
import type { Backend, DesiredChange, Family } from '@signalbox/core';
import { formatDrift } from '../drift.ts';
import { BALANCING_CASES } from './contract-balancing.ts';
import { INSPECTION_CASES } from './contract-inspection.ts';
import { type ContractKernel, expectNoDrift, repairAll, type Scene, syncOk } from './contract-steps.ts';
import { sampleChange, sampleServicePort, sampleState } from './sample-state.ts';

export type { ContractKernel } from './contract-steps.ts';

/** How one backend is run by the contract cases: its family, and a kernel for each case. */
export interface ContractHarness {
  readonly family: Family;
  /** Traffic ends with the process: a restart begins with the end of the former backend, and opens its sockets again. */
  readonly endsWithProcess?: true;
  /** A new kernel for one case, which closes it at its end. */
  createKernel(): Promise<ContractKernel>;
}

/** One case, for any test framework: `run` rejects if the backend does not keep the contract. */
export interface ContractCase {
  readonly title: string;
  /** Rejects with the expectation that the backend does not meet. */
  readonly run: () => Promise<void>;
}

const CASES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'holds the desired state after the first sync': async ({ backend, sample }) => {
    await syncOk(backend, sample.first);
    await expectNoDrift(backend);
  },

  'writes nothing where nothing changed': async ({ kernel, backend, sample }) => {
    await syncOk(backend, sample.first);
    const before = await kernel.snapshot();
    const writes = kernel.writes?.();
    const result = await syncOk(backend, sample.nothing);
    assert.deepEqual(result.repaired.map(formatDrift), []);
    assert.equal(await kernel.snapshot(), before);
    assert.equal(kernel.writes?.(), writes);
  },

  'writes nothing at a restart, but for what ended with the process': async (scene) => {
    const { kernel, backend, sample, endsWithProcess } = scene;
    await syncOk(backend, sample.first);
    const before = await kernel.snapshot();
    const writes = kernel.writes?.();
    await withRestarted(scene, async (restarted) => {
      await syncOk(restarted, sample.first);
      await expectNoDrift(restarted);
      assert.equal(await kernel.snapshot(), before);
    });
    if (!endsWithProcess) assert.equal(kernel.writes?.(), writes);
  },

  'comes by changes to the same kernel state as from scratch': async (scene) => {
    const { kernel, backend, sample } = scene;
    await syncOk(backend, sample.first);
    for (const step of sample.steps) await syncOk(backend, step);
    const incremental = await kernel.snapshot();
    assert.equal((await backend.cleanup()).outcome, 'ok');
    await withRestarted(scene, async (restarted) => {
      await syncOk(restarted, sample.last);
      assert.equal(await kernel.snapshot(), incremental);
    });
  },

  'removes at a full change what is not in it': async (scene) => {
    const { kernel, backend, sample } = scene;
    await syncOk(backend, sample.first);
    await syncOk(backend, sample.last);
    const settled = await kernel.snapshot();
    await expectNoDrift(backend);
    await withRestarted(scene, async (restarted) => {
      await syncOk(restarted, sample.last);
      assert.equal(await kernel.snapshot(), settled);
    });
  },

  'catches up after a failed write, at the latest with an empty change': async ({
    kernel,
    backend,
    sample,
  }) => {
    if (kernel.failNextWrite === undefined) return;
    for (const state of ['unchanged', 'unknown'] as const) {
      await syncOk(backend, sample.first);
      const hasFailed = kernel.failNextWrite(state);
      const [step] = sample.steps;
      assert.ok(step);
      await backend.sync(step);
      assert.ok(hasFailed(), 'the change was not written');
      await converge(backend, sample.nothing);
      await expectNoDrift(backend);
    }
  },

  'observes beside syncs, where it claims to, without harm to either': async ({ backend, sample }) => {
    if (backend.observesBesideSync !== true) return;
    await syncOk(backend, sample.first);
    for (const step of sample.steps) {
      const [observed] = await Promise.all([backend.observe(), syncOk(backend, step), backend.observe()]);
      assert.equal(observed.outcome, 'ok');
    }
    await expectNoDrift(backend);
    assert.deepEqual((await syncOk(backend, sample.nothing)).repaired, []);
  },

  'reports and repairs what another process took away': async ({ kernel, backend, sample }) => {
    await syncOk(backend, sample.first);
    const before = await kernel.snapshot();
    await kernel.damage();
    assert.notEqual(await kernel.snapshot(), before, 'damage() changed nothing');
    const observed = await backend.observe();
    assert.equal(observed.outcome, 'ok');
    assert.ok(observed.outcome === 'ok' && observed.drift.length > 0, 'the damage was not observed');
    const repaired = await repairAll(backend, sample.nothing);
    assert.ok(repaired.length > 0, 'the repair was not reported');
    assert.equal(await kernel.snapshot(), before);
  },

  'reports no repair for its own changes': async ({ backend, sample }) => {
    const results = [await syncOk(backend, sample.first)];
    for (const step of sample.steps) results.push(await syncOk(backend, step));
    results.push(await syncOk(backend, sample.last));
    assert.deepEqual(
      results.flatMap(({ repaired }) => repaired.map(formatDrift)),
      [],
    );
  },

  'leaves objects that it does not own in place': async ({ kernel, backend, sample }) => {
    await kernel.addOthers();
    await syncOk(backend, sample.first);
    for (const step of sample.steps) await syncOk(backend, step);
    assert.ok(await kernel.hasOthers(), 'a sync changed objects that are not owned by Signalbox');
    assert.equal((await backend.cleanup()).outcome, 'ok');
    assert.ok(await kernel.hasOthers(), 'cleanup changed objects that are not owned by Signalbox');
  },

  'removes everything at cleanup, also after a restart, and nothing the second time': async (scene) => {
    const { kernel, backend, sample } = scene;
    const empty = await kernel.snapshot();
    await syncOk(backend, sample.first);
    await withRestarted(scene, async (restarted) => {
      const first = await restarted.cleanup();
      assert.ok(first.outcome === 'ok' && first.removed.length > 0, 'cleanup reported nothing removed');
      assert.equal(await kernel.snapshot(), empty);
      const second = await restarted.cleanup();
      assert.deepEqual(second, { outcome: 'ok', removed: [] });
    });
  },

  'programs everything again after cleanup': async ({ kernel, backend, sample }) => {
    await syncOk(backend, sample.first);
    const before = await kernel.snapshot();
    assert.equal((await backend.cleanup()).outcome, 'ok');
    await syncOk(backend, sample.first);
    assert.equal(await kernel.snapshot(), before);
  },

  'returns an error that names the field for a change that is not one': async ({ backend, sample }) => {
    const wrong: readonly [unknown, string][] = [
      [{}, 'kind'],
      [{ ...sample.first, family: 'IPv5' }, 'family'],
      [withAddress(sample.first, '10.96.0.1\n-P INPUT DROP'), 'address'],
      [withNamespace(sample.first, 'a\nb'), 'namespace'],
    ];
    for (const [change, field] of wrong) {
      const result = await backend.sync(change as DesiredChange);
      const messages = [result.error, ...result.failures.map(({ error }) => error)].map(
        (error) => error?.message ?? '',
      );
      assert.notEqual(result.outcome, 'ok');
      assert.ok(
        messages.some((message) => message.includes(field)),
        `no error names ${field}: ${JSON.stringify(messages)}`,
      );
    }
    await converge(backend, sample.first);
  },
};

/** The cases for one backend; each runs on a kernel of its own. */
export function contractCases(harness: ContractHarness): readonly ContractCase[] {
  return Object.entries({ ...CASES, ...BALANCING_CASES, ...INSPECTION_CASES }).map(([title, play]) => ({
    title,
    run: async () => {
      const kernel = await harness.createKernel();
      const backend = kernel.createBackend();
      try {
        const sample = sampleState(harness.family);
        await play({ kernel, backend, sample, endsWithProcess: harness.endsWithProcess === true });
      } finally {
        await backend.close();
        await kernel.close();
      }
    },
  }));
}

async function converge(backend: Backend, change: DesiredChange): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const { outcome } = await backend.sync(change);
    if (outcome === 'ok') return;
  }
  assert.fail('not converged after 5 syncs');
}

async function withRestarted(
  { kernel, backend, endsWithProcess }: Scene,
  use: (backend: Backend) => Promise<void>,
): Promise<void> {
  if (endsWithProcess) await backend.close();
  const restarted = kernel.createBackend();
  try {
    await use(restarted);
  } finally {
    await restarted.close();
  }
}

function withAddress(change: DesiredChange, address: string): DesiredChange {
  const port = sampleServicePort(change.family, { name: 'hostile' });
  const [frontend] = port.frontends;
  assert.ok(frontend?.kind === 'cluster-ip');
  return sampleChange(change, { ...port, frontends: [{ ...frontend, address }] });
}

function withNamespace(change: DesiredChange, namespace: string): DesiredChange {
  const port = sampleServicePort(change.family, { name: 'hostile' });
  return sampleChange(change, { ...port, name: { ...port.name, namespace } });
}

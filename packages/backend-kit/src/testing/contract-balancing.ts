/** Cases of the contract test: load-balancing algorithms and weights. */
import assert from 'node:assert/strict';
import {
  BALANCING_ALGORITHMS,
  fullChange,
  type DesiredEndpoint,
  type DesiredServicePort,
  type DesiredState,
} from '@signalbox/core';
import { expectNoDrift, type Scene, syncOk } from './contract-steps.ts';
import { changeBetween, sampleServicePort, sampleStateOf } from './sample-state.ts';

type Alter = (port: DesiredServicePort) => DesiredServicePort;

interface Altered {
  readonly name: string;
  readonly alter: Alter;
}

/** Makes each of the changes to one of two service ports, and takes it back. The snapshots: before, and with each change. */
async function changedAndBack(
  { kernel, backend, sample }: Scene,
  changes: readonly Altered[],
): Promise<{ readonly first: string; readonly changed: ReadonlyMap<string, string> }> {
  const { family } = sample.first;
  const [other, port] = [1, 2].map((index) => sampleServicePort(family, { index, endpoints: 3 }));
  assert.ok(other !== undefined && port !== undefined);
  const stateOf = (second: DesiredServicePort): DesiredState => sampleStateOf(family, [other, second]);
  const before = stateOf(port);
  await syncOk(backend, fullChange(before));
  const first = await kernel.snapshot();
  const changed = new Map<string, string>();
  for (const { name, alter } of changes) {
    const after = stateOf(alter(port));
    await syncOk(backend, changeBetween(before, after));
    await expectNoDrift(backend);
    changed.set(name, await kernel.snapshot());
    await syncOk(backend, changeBetween(after, before));
    assert.equal(await kernel.snapshot(), first, name);
  }
  return { first, changed };
}

function withWeights(endpoints: readonly DesiredEndpoint[]): readonly DesiredEndpoint[] {
  return endpoints.map((endpoint, index) => ({ ...endpoint, weight: index + 1 }));
}

export const BALANCING_CASES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'programs its default for a load-balancing algorithm that it does not support': async (scene) => {
    const changes = BALANCING_ALGORITHMS.map((balancing) => ({
      name: balancing,
      alter: (port: DesiredServicePort) => ({ ...port, balancing }),
    }));
    const { first, changed } = await changedAndBack(scene, changes);
    const supported = scene.backend.balancing?.().algorithms ?? [];
    for (const balancing of BALANCING_ALGORITHMS) {
      if (!supported.includes(balancing)) assert.equal(changed.get(balancing), first, balancing);
    }
  },

  'follows changes of the weights of endpoints': async (scene) => {
    const algorithms = [null, ...(scene.backend.balancing?.().algorithms ?? [])];
    const changes = algorithms.map((balancing) => ({
      name: balancing ?? 'default',
      alter: (port: DesiredServicePort) => ({
        ...port,
        balancing,
        clusterEndpoints: withWeights(port.clusterEndpoints),
      }),
    }));
    await changedAndBack(scene, changes);
  },
};

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

/** `alter` makes its changes to one of two service ports. */
async function changedAndBack({ kernel, backend, sample }: Scene, alter: Alter): Promise<string> {
  const { family } = sample.first;
  const [other, port] = [1, 2].map((index) => sampleServicePort(family, { index, endpoints: 3 }));
  assert.ok(other !== undefined && port !== undefined);
  const stateOf = (second: DesiredServicePort): DesiredState => sampleStateOf(family, [other, second]);
  const [before, after] = [stateOf(port), stateOf(alter(port))];
  await syncOk(backend, fullChange(before));
  const first = await kernel.snapshot();
  await syncOk(backend, changeBetween(before, after));
  await expectNoDrift(backend);
  const changed = await kernel.snapshot();
  await syncOk(backend, changeBetween(after, before));
  await expectNoDrift(backend);
  assert.equal(await kernel.snapshot(), first);
  return changed;
}

function withWeights(endpoints: readonly DesiredEndpoint[]): readonly DesiredEndpoint[] {
  return endpoints.map((endpoint, index) => ({ ...endpoint, weight: index + 1 }));
}

export const BALANCING_CASES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'programs its default for a load-balancing algorithm that it does not support': async (scene) => {
    const wanted = await changedAndBack(scene, (port) => port);
    const supported = scene.backend.balancing?.().algorithms ?? [];
    for (const balancing of BALANCING_ALGORITHMS) {
      const changed = await changedAndBack(scene, (port) => ({ ...port, balancing }));
      if (!supported.includes(balancing)) assert.equal(changed, wanted, balancing);
    }
  },

  'follows changes of the weights of endpoints': async (scene) => {
    for (const balancing of [null, ...(scene.backend.balancing?.().algorithms ?? [])]) {
      await changedAndBack(scene, (port) => ({
        ...port,
        balancing,
        clusterEndpoints: withWeights(port.clusterEndpoints),
      }));
    }
  },
};

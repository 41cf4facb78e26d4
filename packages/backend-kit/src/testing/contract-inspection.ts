/** Cases of the contract test: `inspect` and `difference` only read. */
import assert from 'node:assert/strict';
import type { Backend, KernelObject, KernelService, ServicePortKey } from '@signalbox/core';
import { expectNoDrift, repairAll, type Scene, syncOk } from './contract-steps.ts';

export const INSPECTION_CASES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'inspects all service ports and finds no difference after a sync, without a write': async (scene) => {
    const { kernel, backend, sample } = scene;
    await syncOk(backend, sample.first);
    const before = await kernel.snapshot();
    const writes = kernel.writes?.();
    const ports = sample.first.servicePorts.added;
    const keys = ports.filter(({ clusterEndpoints }) => clusterEndpoints.length > 0).map(({ key }) => key);
    const inspected = await inspectOk(backend, null);
    // A service port without endpoints needs no object in some modes.
    for (const key of keys) assert.ok(inspected.has(key), `${key} was not inspected`);
    for (const [key, { objects }] of inspected) {
      assert.ok(objects.length > 0, `no kernel object of ${key}`);
      assert.deepEqual(notHeld(objects), []);
    }
    const [one = ''] = keys;
    assert.deepEqual([...(await inspectOk(backend, [one, 'no/such:port/TCP'])).keys()], [one]);
    assert.deepEqual(await differenceOk(backend), []);
    assert.equal(await kernel.snapshot(), before);
    assert.equal(kernel.writes?.(), writes);
    assert.deepEqual((await syncOk(backend, sample.nothing)).repaired, []);
  },

  'names the object that another process took away, and leaves the repair to the next sync': async (
    scene,
  ) => {
    const { kernel, backend, sample } = scene;
    await syncOk(backend, sample.first);
    await kernel.damage();
    const damaged = await kernel.snapshot();
    const objects = [...(await inspectOk(backend, null)).values()].flatMap((service) => service.objects);
    const names = notHeld(objects).map(({ name }) => name);
    const lines = await differenceOk(backend);
    assert.ok(names.length > 0, 'no object is reported as missing or altered');
    for (const name of names) {
      assert.ok(
        lines.some((line) => line.includes(name)),
        `${name} is not in ${JSON.stringify(lines)}`,
      );
    }
    assert.equal(await kernel.snapshot(), damaged);
    assert.ok((await repairAll(backend, sample.nothing)).length > 0, 'the repair was not reported');
    assert.deepEqual(await differenceOk(backend), []);
  },

  'inspects beside syncs without harm to either': async ({ backend, sample }) => {
    await syncOk(backend, sample.first);
    for (const step of sample.steps) {
      await Promise.all([inspectOk(backend, null), syncOk(backend, step), differenceOk(backend)]);
    }
    await expectNoDrift(backend);
    assert.deepEqual(await differenceOk(backend), []);
    assert.deepEqual((await syncOk(backend, sample.nothing)).repaired, []);
  },
};

async function inspectOk(
  backend: Backend,
  keys: readonly ServicePortKey[] | null,
): Promise<ReadonlyMap<ServicePortKey, KernelService>> {
  const inspected = await backend.inspect?.(keys);
  assert.ok(inspected?.outcome === 'ok', JSON.stringify(inspected));
  return inspected.servicePorts;
}

async function differenceOk(backend: Backend): Promise<readonly string[]> {
  const difference = await backend.difference?.();
  assert.ok(difference?.outcome === 'ok', JSON.stringify(difference));
  return difference.lines;
}

function notHeld(objects: readonly KernelObject[]): readonly KernelObject[] {
  return objects.filter(({ state }) => state !== 'held');
}

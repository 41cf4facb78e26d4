import { createModel, fullChange, type DesiredChange, type FlowServicePort } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import type { FlowTask } from '../compose/composition.ts';
import { createLogging } from '../logging/logger.ts';
import { createProxyMetrics } from '../metrics/proxy-metrics.ts';
import { createRegistry } from '../metrics/registry.ts';
import { NFTABLES } from '../modes/nftables.ts';
import { settingsOf } from '../testing/settings.ts';
import { modelConfig } from './model-config.ts';
import { createStaleFlows } from './stale-flows.ts';

const { logger } = createLogging(
  { format: 'text', verbosity: 0, vmodule: [] },
  { write: () => undefined, now: () => 0, pid: 1 },
);

const { state } = createModel(modelConfig(settingsOf([]))).build('IPv4');
const EMPTY: DesiredChange = { ...fullChange(state), kind: 'incremental', nodeChanged: false };
const OK = { outcome: 'ok', repaired: [] } as const;
const FAILED = { outcome: 'failed', repaired: [] } as const;

function lab() {
  const tasks: FlowTask[] = [];
  const kept: (readonly FlowServicePort[])[] = [];
  const stale = createStaleFlows({
    family: 'IPv4',
    cleaner: {
      clean: (task) => {
        tasks.push(task);
        return Promise.resolve({ deleted: 0 });
      },
      close: () => undefined,
    },
    record: { load: () => Promise.resolve([]), keep: (ports) => void kept.push(ports) },
    clock: createManualClock(),
    logger,
    metrics: createProxyMetrics(createRegistry(), () => NFTABLES),
    again: () => undefined,
  });
  return { tasks, kept, stale };
}

/** UDP service ports on addresses of their own, from `first` on. */
function removing(first: number, count: number): DesiredChange {
  const removed = Array.from({ length: count }, (_, at) => ({
    name: { protocol: 'UDP' },
    frontends: [
      { kind: 'cluster-ip', address: `10.96.${(first + at) >> 8}.${(first + at) & 255}`, port: 53 },
    ],
    servingEndpoints: [],
  }));
  return {
    ...EMPTY,
    servicePorts: {
      ...EMPTY.servicePorts,
      removed: removed as unknown as DesiredChange['servicePorts']['removed'],
    },
  };
}

const addressesOf = (ports: readonly FlowServicePort[]): readonly string[] =>
  ports.flatMap(({ frontends }) => frontends.map((each) => ('address' in each ? each.address : '')));

describe('flows to service ports that are gone', () => {
  it('are looked for once rules are in place, however many syncs failed before', async () => {
    const { tasks, stale } = lab();
    for (const first of [1, 2, 3]) {
      stale.note({ change: removing(first, 1) });
      await stale.afterSync(FAILED, state);
    }
    expect(tasks).toEqual([]);
    stale.note({ change: EMPTY });
    await stale.afterSync(OK, state);
    expect(tasks.map(({ change }) => addressesOf(change.servicePorts.removed))).toEqual([
      ['10.96.0.1', '10.96.0.2', '10.96.0.3'],
    ]);
  });

  it('are forgotten beyond ten thousand, the oldest first', async () => {
    const { tasks, stale } = lab();
    stale.note({ change: removing(0, 10_000) });
    await stale.afterSync(FAILED, state);
    stale.note({ change: removing(10_000, 2) });
    await stale.afterSync(OK, state);
    const looked = addressesOf(tasks.at(-1)?.change.servicePorts.removed ?? []);
    expect([looked.length, looked[0], looked.at(-1)]).toEqual([10_000, '10.96.0.2', '10.96.39.17']);
  });
});

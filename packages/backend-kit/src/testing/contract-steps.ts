/** What the cases of the contract test have in common. */
import assert from 'node:assert/strict';
import type { Backend, DesiredChange, SyncResult } from '@signalbox/core';
import { formatDrift } from '../drift.ts';
import type { SampleState } from './sample-state.ts';

/** One kernel, fake or real, that a backend can be created on more than once: a restart. */
export interface ContractKernel {
  /** A backend without earlier changes, as after a start of the process. */
  createBackend(): Backend;
  /** Everything of this mode and family that the kernel holds, as text that two equal kernels have in common. */
  snapshot(): Promise<string>;
  /** As another process would: takes one object away that carries traffic. */
  damage(): Promise<void>;
  /** As another process would: adds objects that are not owned by Signalbox, beside its own. */
  addOthers(): Promise<void>;
  /** Whether all that `addOthers` added is still there, unchanged. */
  hasOthers(): Promise<boolean>;
  /**
   * Makes the next write fail; absent where a failure cannot be had (a real kernel). The returned function: whether it has
   * happened.
   */
  failNextWrite?(kernel: 'unchanged' | 'unknown'): () => boolean;
  /** Number of writes so far; absent where it is not known. */
  writes?(): number;
  /** Releases the kernel at the end of a case, after its backends were closed. */
  close(): Promise<void>;
}

export interface Scene {
  readonly kernel: ContractKernel;
  readonly backend: Backend;
  readonly sample: SampleState;
  /** See `ContractHarness`. */
  readonly endsWithProcess: boolean;
}

export async function syncOk(backend: Backend, change: DesiredChange): Promise<SyncResult> {
  const result = await backend.sync(change);
  const problems = [result.error, ...result.failures].filter((problem) => problem !== undefined);
  assert.equal(result.outcome, 'ok', JSON.stringify(problems));
  return result;
}

/** Syncs with empty changes until a repair is reported: a backend may bound how often it compares everything. */
export async function repairAll(backend: Backend, nothing: DesiredChange): Promise<readonly string[]> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const { repaired } = await syncOk(backend, nothing);
    if (repaired.length > 0) return repaired.map(formatDrift);
  }
  return [];
}

export async function expectNoDrift(backend: Backend): Promise<void> {
  const observed = await backend.observe();
  assert.deepEqual(observed, { outcome: 'ok', drift: [] });
}

/** Carries out plans, and keeps the journal a step ahead of the kernel. */
import type { BackendError, ServiceFailure } from '@signalbox/core';
import type { Plan, PlannedOperation } from './diff/plan.ts';
import type { IpvsDriver, OperationFailure } from './driver/ipvs-driver.ts';
import type { Journal } from './driver/journal.ts';
import type { OperationKind } from './objects/operation.ts';
import { virtualServerKey, type VirtualServerKey } from './objects/virtual-server.ts';

export interface Executed {
  /** Operations that succeeded as a whole. */
  readonly done: readonly PlannedOperation[];
  readonly failures: readonly ServiceFailure[];
  /** The first failure of something that all services need. */
  readonly fatal: BackendError | undefined;
  /** Operations by kind, failed ones included; entries of sets count one by one. */
  readonly counts: ReadonlyMap<OperationKind, number>;
}

export interface Executor {
  readonly driver: IpvsDriver;
  readonly journal: Journal;
  /** Names of the virtual servers that are ours; kept up to date. */
  readonly owned: Set<VirtualServerKey>;
}

const NEEDED_BY_ALL: ReadonlySet<OperationKind> = new Set<OperationKind>([
  'device-create',
  'set-create',
  'program-install',
]);

export async function execute(executor: Executor, plan: Plan): Promise<Executed> {
  const planned = plan.operations();
  const failures: ServiceFailure[] = [];
  const noteJournal = (error: BackendError | null): void => {
    if (error !== null) failures.push({ key: 'journal', error });
  };
  noteJournal(await claim(executor, planned));
  const results = await executor.driver.apply(planned.map(({ operation }) => operation));
  const done: PlannedOperation[] = [];
  let fatal: BackendError | undefined;
  for (const [index, item] of planned.entries()) {
    const failed = (results[index] ?? []).filter((failure) => !isHarmless(item, failure));
    if (failed.length === 0) done.push(item);
    else if (NEEDED_BY_ALL.has(item.operation.kind)) fatal ??= failed[0]?.error;
    for (const failure of failed) failures.push(toServiceFailure(item, failure));
  }
  noteJournal(await release(executor, planned, results));
  return { done, failures, fatal, counts: countOperations(planned) };
}

/** Both families share the device: the other one's backend may have made it since we looked. */
function isHarmless({ operation }: PlannedOperation, { error }: OperationFailure): boolean {
  return operation.kind === 'device-create' && error.code === 'exists';
}

function toServiceFailure({ owners }: PlannedOperation, { error, index }: OperationFailure): ServiceFailure {
  return { key: owners[index] ?? owners[0] ?? error.operation, error };
}

/** Before the first packet can meet them, new virtual servers are ours in writing. */
async function claim(executor: Executor, planned: readonly PlannedOperation[]): Promise<BackendError | null> {
  const before = executor.owned.size;
  for (const { operation } of planned) {
    if (operation.kind === 'server-add') executor.owned.add(virtualServerKey(operation.server));
  }
  return executor.owned.size === before ? null : executor.journal.save(executor.owned);
}

/** What is gone, or turned out to be somebody else's, is no longer ours. */
async function release(
  executor: Executor,
  planned: readonly PlannedOperation[],
  results: readonly (readonly OperationFailure[])[],
): Promise<BackendError | null> {
  const before = executor.owned.size;
  for (const [index, { operation }] of planned.entries()) {
    const code = results[index]?.[0]?.error.code;
    const gone = operation.kind === 'server-delete' && (code === undefined || code === 'not-found');
    if (gone || (operation.kind === 'server-add' && code === 'exists')) {
      executor.owned.delete(virtualServerKey(operation.server));
    }
  }
  return executor.owned.size === before ? null : executor.journal.save(executor.owned);
}

function countOperations(planned: readonly PlannedOperation[]): ReadonlyMap<OperationKind, number> {
  const counts = new Map<OperationKind, number>();
  for (const { operation } of planned) {
    const amount = 'entries' in operation ? operation.entries.length : 1;
    counts.set(operation.kind, (counts.get(operation.kind) ?? 0) + amount);
  }
  return counts;
}

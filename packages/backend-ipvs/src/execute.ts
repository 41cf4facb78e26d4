/** Carries out plans, and keeps the journal a step ahead of the kernel. */
import type { BackendError, ServiceFailure } from '@signalbox/core';
import type { VirtualServerOwnership } from './virtual-server-ownership.ts';
import type { Plan, PlannedOperation } from './diff/plan.ts';
import type { IpvsDriver, OperationFailure } from './driver/ipvs-driver.ts';
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
  /** The kernel holds virtual servers that the plan did not know of. */
  readonly surprises: readonly VirtualServerKey[];
}

export interface Executor {
  readonly driver: IpvsDriver;
  readonly claims: VirtualServerOwnership;
}

/** The kernel's reply to one operation. */
interface Answer {
  readonly item: PlannedOperation;
  readonly failures: readonly OperationFailure[];
}

const NEEDED_BY_ALL: ReadonlySet<OperationKind> = new Set<OperationKind>([
  'device-create',
  'set-create',
  'packet-filter-install',
  'sets-retype',
]);

/**
 * In two parts: real servers are sent once it is known that their virtual servers are owned. A failure of the
 * journal costs no service anything; who saves it last reports it.
 */
export async function execute(executor: Executor, plan: Plan): Promise<Executed> {
  const { claims } = executor;
  const planned = plan.operations();
  const claimed = claim(claims, planned);
  await claims.save();
  const border = planned.findLastIndex(({ operation }) => operation.kind === 'server-add') + 1;
  const first = await send(executor, planned.slice(0, border));
  const { refused, surprises } = settle(claims, claimed, first);
  await claims.save();
  const rest = planned
    .slice(border)
    .filter(({ operation }) => !('real' in operation && refused.has(virtualServerKey(operation.server))));
  const second = await send(executor, rest);
  release(claims, second);
  await claims.save();
  return { ...outcome([...first, ...second]), surprises };
}

async function send({ driver }: Executor, planned: readonly PlannedOperation[]): Promise<readonly Answer[]> {
  if (planned.length === 0) return [];
  const results = await driver.apply(planned.map(({ operation }) => operation));
  return planned.map((item, index) => {
    const failures = (results[index] ?? []).filter((failure) => !isHarmless(item, failure));
    return { item, failures };
  });
}

/** Both families share the device: the backend of the other one may have created it since it was listed. */
function isHarmless({ operation, mayBeGone }: PlannedOperation, { error }: OperationFailure): boolean {
  if (operation.kind === 'device-create') return error.code === 'exists';
  return mayBeGone === true && error.code === 'not-found';
}

/** Before the first packet can reach them, new virtual servers are written to the journal. Returns those that were not. */
function claim(
  claims: VirtualServerOwnership,
  planned: readonly PlannedOperation[],
): ReadonlySet<VirtualServerKey> {
  const claimed = new Set<VirtualServerKey>();
  for (const { operation } of planned) {
    if (operation.kind !== 'server-add') continue;
    const key = virtualServerKey(operation.server);
    if (claims.add(key)) claimed.add(key);
  }
  return claimed;
}

interface Settled {
  /** Absent, or not owned: they get no real servers. */
  readonly refused: ReadonlySet<VirtualServerKey>;
  readonly surprises: readonly VirtualServerKey[];
}

/** A virtual server that exists is another program's if it was only just added to the owned ones; else a listing missed it. */
function settle(
  claims: VirtualServerOwnership,
  claimed: ReadonlySet<VirtualServerKey>,
  answers: readonly Answer[],
): Settled {
  const refused = new Set<VirtualServerKey>();
  const surprises: VirtualServerKey[] = [];
  for (const { item, failures } of answers) {
    const [failure] = failures;
    if (item.operation.kind !== 'server-add' || failure === undefined) continue;
    const key = virtualServerKey(item.operation.server);
    const exists = failure.error.code === 'exists';
    if (exists) surprises.push(key);
    if (exists && claimed.has(key)) claims.giveUp(key);
    if (!exists || claimed.has(key)) refused.add(key);
  }
  return { refused, surprises };
}

/** What is gone is no longer owned. */
function release(claims: VirtualServerOwnership, answers: readonly Answer[]): void {
  for (const { item, failures } of answers) {
    const code = failures[0]?.error.code;
    if (item.operation.kind === 'server-delete' && (code === undefined || code === 'not-found')) {
      claims.release(virtualServerKey(item.operation.server));
    }
  }
}

function outcome(answers: readonly Answer[]): Omit<Executed, 'surprises'> {
  const done: PlannedOperation[] = [];
  const failures: ServiceFailure[] = [];
  let fatal: BackendError | undefined;
  for (const { item, failures: failed } of answers) {
    if (failed.length === 0) done.push(item);
    else if (NEEDED_BY_ALL.has(item.operation.kind)) fatal ??= failed.find(({ index }) => index === 0)?.error;
    for (const failure of failed) failures.push(toServiceFailure(item, failure));
  }
  return { done, failures, fatal, counts: countOperations(answers) };
}

function toServiceFailure({ owners }: PlannedOperation, { error, index }: OperationFailure): ServiceFailure {
  return { key: owners[index] ?? owners[0] ?? error.operation, error };
}

function countOperations(answers: readonly Answer[]): ReadonlyMap<OperationKind, number> {
  const counts = new Map<OperationKind, number>();
  for (const { item } of answers) {
    const { operation } = item;
    const amount = 'entries' in operation ? operation.entries.length : 1;
    counts.set(operation.kind, (counts.get(operation.kind) ?? 0) + amount);
  }
  return counts;
}

/** Those of which a real server gets no new connections from now on. */
export function drainedServers(plan: Plan): VirtualServerKey[] {
  return plan
    .operations()
    .flatMap(({ operation }) =>
      operation.kind === 'real-update' && operation.real.weight === 0
        ? virtualServerKey(operation.server)
        : [],
    );
}

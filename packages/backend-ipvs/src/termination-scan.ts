/** Looks after terminating real servers: deletes those that may go. */
import { type BackendError, type Result, type ServiceFailure, succeed } from '@signalbox/core';
import { createPlan } from './diff/plan.ts';
import type { TerminatingReal, TerminatingServers } from './diff/graceful-termination.ts';
import { execute, type Executed, type Executor } from './execute.ts';
import { realServerKey } from './objects/real-server.ts';
import { virtualServerKey, type VirtualServer, type VirtualServerKey } from './objects/virtual-server.ts';

export interface ScanOptions {
  readonly terminating: TerminatingServers;
  /** Which virtual servers to look at. */
  readonly keys: readonly VirtualServerKey[];
  /** Milliseconds. */
  readonly now: number;
  readonly maxAge: number;
  readonly ownerOf: (key: VirtualServerKey) => string;
}

export async function scanTerminating(executor: Executor, options: ScanOptions): Promise<Result<Executed>> {
  const { terminating, keys, now, maxAge, ownerOf } = options;
  const servers = keys.flatMap((key) => firstServer(terminating, key));
  const status = await executor.driver.status(servers);
  if (!status.ok) return status;
  const plan = createPlan();
  for (const key of keys) {
    const seen = status.value.get(key);
    if (seen === undefined) terminating.forget(key);
    else {
      for (const { server, real } of terminating.finished(key, seen, { now, maxAge })) {
        plan.add('reals-retired', { kind: 'real-delete', server, real }, ownerOf(key));
      }
    }
  }
  const executed = await execute(executor, plan);
  for (const { operation } of executed.done) {
    if (operation.kind === 'real-delete') stop(terminating, operation);
  }
  return succeed(executed);
}

function stop(terminating: TerminatingServers, { server, real }: TerminatingReal): void {
  terminating.stop(virtualServerKey(server), realServerKey(real));
}

function firstServer(terminating: TerminatingServers, key: VirtualServerKey): readonly VirtualServer[] {
  const first = terminating.of(key).values().next();
  return first.done === true ? [] : [first.value.server];
}

/** A failure to read: nothing was changed, and no Service is affected. */
export function scanFailure(error: BackendError): ServiceFailure {
  return { key: 'terminating real servers', error };
}

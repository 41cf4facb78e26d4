/** Service ports that the kernel refused get no rules, so that the others get theirs, and are tried again later. */
import type { DesiredChange, DesiredServicePort } from '@signalbox/core';
import { forgetLedger } from './backend-state.ts';
import { findRefused, type Verdict } from './find-refused.ts';
import type { SyncWork } from './sync-work.ts';

type RefusedWork = Pick<SyncWork, 'driver' | 'state' | 'compiler' | 'searches'>;

/** Whether some of these service ports turned out to be refused; they get no rules from now on. */
export async function leaveOutRefused(
  work: RefusedWork,
  services: Iterable<DesiredServicePort>,
): Promise<boolean> {
  const { state, searches } = work;
  if (searches.left-- <= 0) return false;
  const suspects = [...services].filter(({ key }) => !state.refused.has(key));
  const { refused } = await tryServices(work, suspects);
  state.refused = new Map([...state.refused, ...refused]);
  return refused.size > 0;
}

/** Tries those of these service ports again that were refused. Returns those that may have rules from now on. */
export async function retryRefused(
  work: RefusedWork,
  services: Iterable<DesiredServicePort>,
): Promise<readonly DesiredServicePort[]> {
  const { state, compiler } = work;
  if (state.refused.size === 0) return [];
  const again = [...services].filter(({ key }) => state.refused.has(key));
  const { passed, refused } = await tryServices(work, again);
  const all = [...state.refused, ...refused];
  state.refused = new Map(all.filter(([key]) => !passed.has(key) && compiler.services.has(key)));
  return again.filter(({ key }) => passed.has(key));
}

/** Before a change is compiled: whether what it makes of refused service ports may have rules. */
export async function readmit(work: RefusedWork, { servicePorts }: DesiredChange): Promise<void> {
  const { state } = work;
  const { added, changed, removed } = servicePorts;
  const gone = new Set(removed.map(({ key }) => key));
  if (state.refused.size > 0) {
    state.refused = new Map([...state.refused].filter(([key]) => !gone.has(key)));
  }
  await retryRefused(work, [...added, ...changed.map(({ after }) => after)]);
}

/** An empty change with these service ports to be compiled anew. */
export function withReturned(change: DesiredChange, back: readonly DesiredServicePort[]): DesiredChange {
  const changed = back.map((service) => ({ before: service, after: service }));
  return { ...change, servicePorts: { added: [], changed, removed: [] } };
}

async function tryServices(
  { driver, state, compiler }: RefusedWork,
  services: readonly DesiredServicePort[],
): Promise<Verdict> {
  const suspects = services.map((service) => ({
    key: service.key,
    rules: () => compiler.rulesOf(service),
  }));
  const verdict = await findRefused(driver, suspects);
  // A full pass removes the chain of the trial.
  if (verdict.leftTraces) forgetLedger(state);
  return verdict;
}

/** Which service ports the kernel refuses, and a change with those that it accepts again. */
import type { DesiredChange, DesiredServicePort } from '@signalbox/core';
import { forgetLedger } from './backend-state.ts';
import { createServiceTrial } from './service-trial.ts';
import type { SyncWork } from './sync-work.ts';

type RefusedWork = Pick<SyncWork, 'driver' | 'state' | 'compiler' | 'searches'>;

/** Whether some of these service ports are refused; they get no rules from then on. */
export async function leaveOutRefused(
  work: RefusedWork,
  services: Iterable<DesiredServicePort>,
): Promise<boolean> {
  if (work.searches.left-- <= 0) return false;
  const trial = trialOf(work);
  return (await work.state.refused.leaveOut(services, trial)).length > 0;
}

/** Tries those of these service ports again that were refused. Returns those that may have rules from then on. */
export async function retryRefused(
  work: RefusedWork,
  services: Iterable<DesiredServicePort>,
): Promise<readonly DesiredServicePort[]> {
  const { state, compiler } = work;
  const accepted = await state.refused.retry(services, trialOf(work));
  state.refused.keep((key) => compiler.services.has(key));
  return accepted;
}

/** Before a change is compiled: whether the refused service ports that it changes may have rules. */
export async function readmit(work: RefusedWork, { servicePorts }: DesiredChange): Promise<void> {
  const { added, changed, removed } = servicePorts;
  const gone = new Set(removed.map(({ key }) => key));
  work.state.refused.keep((key) => !gone.has(key));
  await retryRefused(work, [...added, ...changed.map(({ after }) => after)]);
}

/** An empty change with these service ports to be compiled anew. */
export function withReturned(change: DesiredChange, back: readonly DesiredServicePort[]): DesiredChange {
  const changed = back.map((service) => ({ before: service, after: service }));
  return { ...change, servicePorts: { added: [], changed, removed: [] } };
}

function trialOf({ driver, state, compiler }: RefusedWork) {
  return createServiceTrial({
    driver,
    rulesOf: (service) => compiler.rulesOf(service),
    // A full pass removes the chain of the trial.
    onTraces: () => forgetLedger(state),
  });
}

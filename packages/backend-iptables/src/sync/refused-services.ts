/** Service ports that the kernel refused get no rules, so that the others get theirs, and are tried again later. */
import type { DesiredChange, DesiredServicePort } from '@signalbox/core';
import type { IptablesDriver } from '@signalbox/iptables';
import type { RuleCompiler } from '../compile/rule-compiler.ts';
import { findRefused, type Verdict } from './find-refused.ts';
import { forgetLedger, type State } from './backend-state.ts';

export interface RefusedWork {
  readonly driver: IptablesDriver;
  readonly state: State;
  readonly compiler: RuleCompiler;
  /** How often this sync may still look for service ports that are refused. */
  readonly searches: { left: number };
}

/** Whether some of these service ports turned out to be refused; they get no rules from now on. */
export async function leaveOutRefused(
  work: RefusedWork,
  services: Iterable<DesiredServicePort>,
): Promise<boolean> {
  const { state, searches } = work;
  if (searches.left-- <= 0) return false;
  const suspects = [...services].filter(({ key }) => !state.refused.has(key));
  const { refused } = await judge(work, suspects);
  return refused.size > 0;
}

/** Tries those of these service ports again that were refused. Answers with what may have rules from now on. */
export async function retryRefused(
  work: RefusedWork,
  services: Iterable<DesiredServicePort>,
): Promise<readonly DesiredServicePort[]> {
  const { state, compiler } = work;
  if (state.refused.size === 0) return [];
  const again = [...services].filter(({ key }) => state.refused.has(key));
  const { passed } = await judge(work, again);
  for (const key of state.refused.keys()) {
    if (passed.has(key) || !compiler.services.has(key)) state.refused.delete(key);
  }
  return again.filter(({ key }) => passed.has(key));
}

/** Before a change is compiled: whether what it makes of refused service ports may have rules. */
export async function readmit(work: RefusedWork, { servicePorts }: DesiredChange): Promise<void> {
  const { added, changed, removed } = servicePorts;
  for (const { key } of removed) work.state.refused.delete(key);
  await retryRefused(work, [...added, ...changed.map(({ after }) => after)]);
}

/** An empty change with these service ports to be compiled anew. */
export function withReturned(change: DesiredChange, back: readonly DesiredServicePort[]): DesiredChange {
  const changed = back.map((service) => ({ before: service, after: service }));
  return { ...change, servicePorts: { added: [], changed, removed: [] } };
}

async function judge(
  { driver, state, compiler }: RefusedWork,
  services: readonly DesiredServicePort[],
): Promise<Verdict> {
  const suspects = services.map((service) => ({
    key: service.key,
    rules: () => compiler.rulesOf(service),
  }));
  const verdict = await findRefused(driver, suspects);
  for (const [key, error] of verdict.refused) state.refused.set(key, error);
  // A full sync takes away what nobody wants.
  if (verdict.leftTraces) forgetLedger(state);
  return verdict;
}

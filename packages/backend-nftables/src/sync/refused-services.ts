/** Whether the kernel accepts service ports: they are tried in a table that no packet meets. */
import type { ServiceTrial, Trial } from '@signalbox/backend-kit';
import type { DesiredServicePort } from '@signalbox/core';
import type { CompiledService } from '../compile/service-dispatch.ts';
import { slotsOf } from '../diff/assign-slots.ts';
import type { DesiredObjects } from '../diff/desired-objects.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import type { Entry, Operation } from '../objects/operation.ts';
import type { Chain, SetDeclaration } from '../objects/ruleset.ts';
import type { CommitWork } from './commit-plan.ts';

/** Whether some of the service ports turned out to be refused; they are left out from now on. */
export async function leaveOutRefused({ driver, state, desired }: CommitWork): Promise<boolean> {
  const refused = await state.refused.leaveOut(desired.servicePorts.values(), trialOf(driver, desired));
  for (const { key } of refused) desired.leaveOut(key);
  return refused.length > 0;
}

/** Admits those again that the kernel accepts now, and forgets those that are gone. */
export async function retryRefused({ driver, state, desired }: CommitWork): Promise<void> {
  const before = [...state.refused.all.keys()];
  await state.refused.retry(desired.servicePorts.values(), trialOf(driver, desired));
  state.refused.keep((key) => desired.servicePorts.has(key));
  for (const key of before) if (!state.refused.all.has(key)) desired.admit(key);
}

function trialOf(driver: NftablesDriver, desired: DesiredObjects): ServiceTrial {
  const attempt: ServiceTrial['attempt'] = (group) => tryGroup(driver, desired, group);
  return { attempt, confirm: (suspect) => attempt([suspect]) };
}

async function tryGroup(
  driver: NftablesDriver,
  desired: DesiredObjects,
  group: readonly DesiredServicePort[],
): Promise<Trial> {
  const compiled = group.map((service) => desired.compile(service)).filter((each) => each !== null);
  const sets = new Map(desired.staticSets().map((set) => [set.name, set]));
  for (const { sets: own } of compiled) for (const set of own) sets.set(set.name, set);
  const tried = await driver.trial({ operations: trialOperations(compiled, sets), sets });
  if (tried.ok) return { kind: 'accepted' };
  const { error } = tried;
  if (error.code === 'rejected' || error.code === 'exists') return { kind: 'refused', error };
  return error.message.includes('EMSGSIZE') ? { kind: 'too-large' } : { kind: 'inconclusive' };
}

function trialOperations(
  compiled: readonly CompiledService[],
  sets: ReadonlyMap<string, SetDeclaration>,
): readonly Operation[] {
  const chains = new Map(compiled.flatMap(({ chains: own }) => own.map((chain) => [chain.name, chain])));
  const entries = new Map<string, Map<string, Entry>>();
  const put = (set: string, key: string, data: string): void => {
    entries.set(set, (entries.get(set) ?? new Map<string, Entry>()).set(key, { key, data }));
  };
  for (const { elements, groups } of compiled) {
    for (const { set, key, data } of elements) put(set, key, data);
    for (const group of groups) {
      const { map, frontend } = group;
      slotsOf(group, []).forEach((endpoint, slot) => put(map, `${frontend} . ${slot}`, endpoint ?? ''));
    }
  }
  const targets = [...targetsOf(chains.values(), entries)].filter((name) => !chains.has(name));
  return [
    ...[...sets.values()].map((set): Operation => ({ kind: 'add-set', set })),
    ...[...chains.values(), ...targets.map((name): Chain => ({ name, rules: [] }))].map(
      (chain): Operation => ({ kind: 'add-chain', chain }),
    ),
    ...[...chains.values()].map((chain): Operation => ({ kind: 'write-rules', chain })),
    ...[...entries].map(([set, all]): Operation => {
      return {
        kind: 'add-elements',
        set,
        entries: [...all.values()].filter(({ data }) => data !== '' || sets.get(set)?.data === undefined),
      };
    }),
  ];
}

/** Chains that verdicts name: they need to exist, empty, for the kernel to accept the verdict. */
function targetsOf(
  chains: Iterable<Chain>,
  entries: ReadonlyMap<string, ReadonlyMap<string, Entry>>,
): ReadonlySet<string> {
  const statements = [...chains].flatMap(({ rules }) => rules.flatMap((rule) => rule.statements));
  const inRules = statements.flatMap((statement) =>
    statement.kind === 'verdict' && 'chain' in statement.verdict ? [statement.verdict.chain] : [],
  );
  const data = [...entries.values()].flatMap((all) => [...all.values()].map((entry) => entry.data));
  const inMaps = data.flatMap((text) => (text.startsWith('goto ') ? [text.slice(5)] : []));
  return new Set([...inRules, ...inMaps]);
}

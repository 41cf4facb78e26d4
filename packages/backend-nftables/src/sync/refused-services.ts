/** Service ports that the kernel refuses get no rules, so that the others get theirs; they are tried again later. */
import { isolateRefused, type Trial } from '@signalbox/backend-kit';
import type { DesiredServicePort } from '@signalbox/core';
import type { CompiledService } from '../compile/service-dispatch.ts';
import { assignSlots } from '../diff/assign-slots.ts';
import type { WantedState } from '../diff/wanted-state.ts';
import type { NftablesDriver } from '../driver/nftables-driver.ts';
import type { Entry, Operation } from '../objects/operation.ts';
import type { Chain, SetDeclaration } from '../objects/ruleset.ts';
import type { CommitWork } from './commit-plan.ts';

const GROUP_SIZE = 200;
/** Some ten culprits among a thousand services; those that a search does not reach, the next one does. */
const REFUSALS_LIMIT = 256;

/** Whether some of the service ports turned out to be refused; they are left out from now on. */
export async function leaveOutRefused({ driver, state, wanted }: CommitWork): Promise<boolean> {
  const suspects = [...wanted.servicePorts.values()].filter(({ key }) => !state.refused.has(key));
  const { refused } = await search(driver, wanted, suspects);
  for (const [{ key }, error] of refused) {
    state.refused.set(key, error);
    wanted.leaveOut(key);
  }
  return refused.size > 0;
}

/** Admits those again that the kernel accepts now, and forgets those that are gone. */
export async function retryRefused({ driver, state, wanted }: CommitWork): Promise<void> {
  if (state.refused.size === 0) return;
  const again = [...state.refused.keys()].flatMap((key) => wanted.servicePorts.get(key) ?? []);
  const { accepted } = await search(driver, wanted, again);
  const passed = new Set([...accepted].map(({ key }) => key));
  for (const key of state.refused.keys()) {
    if (wanted.servicePorts.has(key) && !passed.has(key)) continue;
    state.refused.delete(key);
    wanted.admit(key);
  }
}

function search(driver: NftablesDriver, wanted: WantedState, suspects: readonly DesiredServicePort[]) {
  const attempt = (group: readonly DesiredServicePort[]): Promise<Trial> => tryGroup(driver, wanted, group);
  const confirm = (suspect: DesiredServicePort): Promise<Trial> => attempt([suspect]);
  return isolateRefused({ suspects, attempt, confirm, groupSize: GROUP_SIZE, refusalsLimit: REFUSALS_LIMIT });
}

async function tryGroup(
  driver: NftablesDriver,
  wanted: WantedState,
  group: readonly DesiredServicePort[],
): Promise<Trial> {
  const compiled = group.map((service) => wanted.compile(service)).filter((each) => each !== null);
  const sets = new Map(wanted.staticSets().map((set) => [set.name, set]));
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
    for (const { map, frontend, endpoints } of groups) {
      assignSlots([], endpoints).forEach((endpoint, slot) =>
        put(map, `${frontend} . ${slot}`, endpoint ?? ''),
      );
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

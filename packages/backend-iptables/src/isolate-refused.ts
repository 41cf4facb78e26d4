/**
 * Finds the service ports whose rules the kernel does not take, so that they cost no other its rules. All of a
 * group's rules are put into a chain that nothing leads to; a group that is refused is halved and tried again.
 * Live chains are not touched. Reasons: decisions/0006-transactions.md.
 */
import type { BackendError, ServicePortKey } from '@signalbox/core';
import { refusalOf, RETURN, rule, type IptablesDriver, type PlacedRule } from '@signalbox/iptables';

export interface Suspect {
  readonly key: ServicePortKey;
  /** Made when they are needed: suspects may be all services of a cluster. */
  readonly rules: () => readonly PlacedRule[];
}

export interface Verdict {
  /** Found to be acceptable. Suspects in neither of the two were not reached. */
  readonly passed: ReadonlySet<ServicePortKey>;
  readonly refused: ReadonlyMap<ServicePortKey, BackendError>;
  /** A trial's chain may have stayed in the kernel. */
  readonly leftTraces: boolean;
}

/** Bounds one search: some ten culprits among a thousand services. Those it does not reach, the next one does. */
const REFUSALS_LIMIT = 256;
/** Few enough for one transaction of any variant. */
const SUSPECTS_PER_TRIAL = 200;

export async function findRefused(driver: IptablesDriver, suspects: readonly Suspect[]): Promise<Verdict> {
  let leftTraces = false;
  const attempt = async (rules: readonly PlacedRule[]): Promise<BackendError | null> => {
    const error = await refusalOf(driver, rules);
    leftTraces ||= error?.kernel === 'unknown';
    return error;
  };
  // Where not even this is taken, it is not the services' fault.
  const control: readonly PlacedRule[] = [
    { table: 'filter', rule: rule([], RETURN) },
    { table: 'nat', rule: rule([], RETURN) },
  ];
  const isSound = suspects.length > 0 && (await attempt(control)) === null;
  const confirm = async ({ rules }: Suspect): Promise<Confirmation> => {
    for (let round = 0; round < CONFIRMATIONS; round++) {
      if ((await attempt(control)) !== null) return 'nothing-can-be-told';
      const error = await attempt(rules());
      if (error?.code !== 'rejected') return error === null ? 'passed' : 'nothing-can-be-told';
    }
    return 'refused';
  };
  const found = await halve(isSound ? groupsOf(suspects) : [], { attempt, confirm });
  return { ...found, leftTraces };
}

type Confirmation = 'refused' | 'passed' | 'nothing-can-be-told';

/** A tool that fails now and then must not cost a service its rules: the verdict is repeated, with the control between. */
const CONFIRMATIONS = 2;

interface Trials {
  readonly attempt: (rules: readonly PlacedRule[]) => Promise<BackendError | null>;
  readonly confirm: (suspect: Suspect) => Promise<Confirmation>;
}

async function halve(groups: (readonly Suspect[])[], trials: Trials): Promise<Omit<Verdict, 'leftTraces'>> {
  const passed = new Set<ServicePortKey>();
  const refused = new Map<ServicePortKey, BackendError>();
  for (let refusals = 0; refusals < REFUSALS_LIMIT;) {
    const group = groups.pop();
    if (group === undefined) break;
    const { verdict, error } = await judge(group, trials);
    if (verdict === 'nothing-can-be-told') break;
    if (verdict === 'refused') refusals++;
    if (verdict === 'passed') for (const { key } of group) passed.add(key);
    else if (group.length > 1) groups.push(...halves(group));
    else if (verdict === 'refused') for (const { key } of group) refused.set(key, error);
  }
  return { passed, refused };
}

function halves(group: readonly Suspect[]): readonly (readonly Suspect[])[] {
  const half = group.length >> 1;
  return [group.slice(half), group.slice(0, half)];
}

type Judgement =
  | { readonly verdict: Exclude<Confirmation, 'refused'>; readonly error: null }
  | { readonly verdict: 'refused' | 'too-large'; readonly error: BackendError };

async function judge(group: readonly Suspect[], { attempt, confirm }: Trials): Promise<Judgement> {
  const error = await attempt(group.flatMap((suspect) => suspect.rules()));
  if (error === null) return { verdict: 'passed', error };
  // A lock that is held, a tool that hangs.
  if (error.code !== 'rejected') return { verdict: 'nothing-can-be-told', error: null };
  // The size of the trial says nothing about the rules: see `tighterLimit`.
  if (error.detail?.includes('Message too long') === true) return { verdict: 'too-large', error };
  const [only, ...more] = group;
  const verdict = only === undefined || more.length > 0 ? 'refused' : await confirm(only);
  return verdict === 'refused' ? { verdict, error } : { verdict, error: null };
}

function groupsOf(suspects: readonly Suspect[]): (readonly Suspect[])[] {
  const groups: (readonly Suspect[])[] = [];
  for (let from = 0; from < suspects.length; from += SUSPECTS_PER_TRIAL) {
    groups.push(suspects.slice(from, from + SUSPECTS_PER_TRIAL));
  }
  return groups;
}

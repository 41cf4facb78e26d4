/**
 * Finds the service ports whose rules the kernel refuses, so that the others get theirs. The rules of a group are tried in a
 * chain to which no rule leads; chains in use are not touched. Reasons: decisions/0006-transactions.md.
 */
import { isolateRefused, type Trial } from '@signalbox/backend-kit';
import type { BackendError, ServicePortKey } from '@signalbox/core';
import { refusalOf, RETURN, rule, type IptablesDriver, type PlacedRule } from '@signalbox/iptables';

export interface Suspect {
  readonly key: ServicePortKey;
  /** Compiled when they are needed: suspects may be all services of a cluster. */
  readonly rules: () => readonly PlacedRule[];
}

export interface Verdict {
  /** Found to be acceptable. Suspects in neither of the two were not reached. */
  readonly passed: ReadonlySet<ServicePortKey>;
  readonly refused: ReadonlyMap<ServicePortKey, BackendError>;
  /** The chain of a trial may have stayed in the kernel. */
  readonly leftTraces: boolean;
}

/** Bounds one search: some ten refused service ports among a thousand. */
const REFUSALS_LIMIT = 256;
/** Few enough for one transaction of any variant. */
const SUSPECTS_PER_TRIAL = 200;
/** A tool that fails now and then must not cost a service its rules: its trial is repeated, with the control between. */
const CONFIRMATIONS = 2;

/** Rules that every kernel accepts: where they are refused, the rules of services are not the reason. */
const CONTROL: readonly PlacedRule[] = [
  { table: 'filter', rule: rule([], RETURN) },
  { table: 'nat', rule: rule([], RETURN) },
];

export async function findRefused(driver: IptablesDriver, suspects: readonly Suspect[]): Promise<Verdict> {
  let leftTraces = false;
  const attempt = async (rules: readonly PlacedRule[]): Promise<Trial> => {
    const error = await refusalOf(driver, rules);
    leftTraces ||= error?.kernel === 'unknown';
    return trialOf(error);
  };
  const isSound = suspects.length > 0 && (await attempt(CONTROL)).kind === 'accepted';
  const { accepted, refused } = await isolateRefused<Suspect>({
    suspects: isSound ? suspects : [],
    attempt: (group) => attempt(group.flatMap(({ rules }) => rules())),
    confirm: ({ rules }, error) =>
      confirmRefusal(
        () => attempt(rules()),
        () => attempt(CONTROL),
        error,
      ),
    groupSize: SUSPECTS_PER_TRIAL,
    refusalsLimit: REFUSALS_LIMIT,
  });
  return {
    passed: new Set([...accepted].map(({ key }) => key)),
    refused: new Map([...refused].map(([{ key }, error]) => [key, error])),
    leftTraces,
  };
}

async function confirmRefusal(
  attempt: () => Promise<Trial>,
  control: () => Promise<Trial>,
  error: BackendError,
): Promise<Trial> {
  for (let round = 0; round < CONFIRMATIONS; round++) {
    if ((await control()).kind !== 'accepted') return { kind: 'inconclusive' };
    const trial = await attempt();
    if (trial.kind === 'accepted' || trial.kind === 'inconclusive') return trial;
  }
  return { kind: 'refused', error };
}

function trialOf(error: BackendError | null): Trial {
  if (error === null) return { kind: 'accepted' };
  // A lock that is held, a tool that hangs.
  if (error.code !== 'rejected') return { kind: 'inconclusive' };
  // The size of the trial is no property of the rules: see `tighterLimit`.
  if (error.detail?.includes('Message too long') === true) return { kind: 'too-large' };
  return { kind: 'refused', error };
}

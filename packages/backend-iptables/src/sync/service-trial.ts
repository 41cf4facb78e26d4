/**
 * Whether the kernel accepts the rules of service ports: they are tried in a chain to which no rule leads; chains in use are
 * not touched. Reasons: decisions/0006-transactions.md.
 */
import type { ServiceTrial, Trial } from '@signalbox/backend-kit';
import type { BackendError, DesiredServicePort } from '@signalbox/core';
import { refusalOf, RETURN, rule, type IptablesDriver, type PlacedRule } from '@signalbox/iptables';

export interface ServiceTrialOptions {
  readonly driver: IptablesDriver;
  readonly rulesOf: (service: DesiredServicePort) => readonly PlacedRule[];
  /** The chain of a trial may have stayed in the kernel. */
  readonly onTraces: () => void;
}

/** A tool that fails temporarily must not cause a service to be refused: its trial is repeated, alternating with the control. */
const CONFIRMATIONS = 2;

/** Rules that every kernel accepts: if they are refused, the rules of services are not the cause. */
const CONTROL: readonly PlacedRule[] = [
  { table: 'filter', rule: rule([], RETURN) },
  { table: 'nat', rule: rule([], RETURN) },
];

export function createServiceTrial({ driver, rulesOf, onTraces }: ServiceTrialOptions): ServiceTrial {
  const attempt = async (rules: readonly PlacedRule[]): Promise<Trial> => {
    const error = await refusalOf(driver, rules);
    if (error?.kernel === 'unknown') onTraces();
    return trialOf(error);
  };
  const control = { isSound: null as boolean | null };
  const isSound = async (): Promise<boolean> => {
    control.isSound ??= (await attempt(CONTROL)).kind === 'accepted';
    return control.isSound;
  };
  return {
    async attempt(group) {
      // Before the first group: all rules may be refused.
      return (await isSound()) ? attempt(group.flatMap(rulesOf)) : { kind: 'inconclusive' };
    },
    confirm: (service, error) =>
      confirmRefusal(
        () => attempt(rulesOf(service)),
        () => attempt(CONTROL),
        error,
      ),
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
  // The lock is held, or the tool timed out.
  if (error.code !== 'rejected') return { kind: 'inconclusive' };
  // The size of the trial does not depend on the rules of one service: see `tighterLimit`.
  if (error.detail?.includes('Message too long') === true) return { kind: 'too-large' };
  return { kind: 'refused', error };
}

import type { BalancingSupport } from '../backend.ts';
import type { ChangeSet, DesiredChange } from '../desired/desired-change.ts';
import { sameValue } from '../model/same-value.ts';
import type { DesiredServicePort } from '../desired/desired-state.ts';

/** Of a backend that does not describe it: every Service is balanced in the same way. */
export const DEFAULT_BALANCING_ONLY: BalancingSupport = {
  algorithms: [],
  default: 'the default',
  weights: false,
};

type Substitute = (port: DesiredServicePort) => DesiredServicePort;

/**
 * Changes for one backend, in which service ports with an algorithm that it does not support have none, which is its default. The
 * same object stays the same object: backends recognise service ports by identity.
 */
export function createSupportedChange({
  algorithms,
}: BalancingSupport): (change: DesiredChange) => DesiredChange {
  const substitutes = new WeakMap<DesiredServicePort, DesiredServicePort>();
  const isSupported = ({ balancing }: DesiredServicePort): boolean =>
    balancing === null || algorithms.includes(balancing);
  const substitute: Substitute = (port) => {
    if (isSupported(port)) return port;
    const known = substitutes.get(port) ?? { ...port, balancing: null };
    substitutes.set(port, known);
    return known;
  };
  return (change) => {
    const { added, changed, removed } = change.servicePorts;
    const isWhole =
      added.every(isSupported) &&
      removed.every(isSupported) &&
      changed.every(({ before, after }) => isSupported(before) && isSupported(after));
    return isWhole ? change : { ...change, servicePorts: substituted(change.servicePorts, substitute) };
  };
}

function substituted(
  { added, changed, removed }: ChangeSet<DesiredServicePort>,
  substitute: Substitute,
): ChangeSet<DesiredServicePort> {
  return {
    added: added.map(substitute),
    changed: changed
      .map(({ before, after }) => ({ before: substitute(before), after: substitute(after) }))
      .filter(({ before, after }) => !sameValue(before, after)),
    removed: removed.map(substitute),
  };
}

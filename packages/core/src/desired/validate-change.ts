/**
 * The check of the input of every backend: names and addresses are written into the text of rules,
 * into netlink messages and HNS documents. Only what is in the change is checked.
 *
 * A service port or health check that violates the contract is left out and reported, and the others are
 * programmed; a change that is malformed as a whole is refused.
 */
import type { BalancingSupport, ServiceFailure, SyncResult } from '../backend.ts';
import { createSupportedChange, DEFAULT_BALANCING_ONLY } from '../balancing/supported-change.ts';
import { backendError, type BackendError } from '../errors.ts';
import { fail, type Result, succeed } from '../result.ts';
import { FAMILIES, type Family } from '../model/family.ts';
import { type DesiredChange, fullChange } from './desired-change.ts';
import type { DesiredHealthCheck, DesiredServicePort, DesiredState } from './desired-state.ts';
import { createGate, type GateOptions } from './validate-gate.ts';
import { checkHealthCheck, checkNode, checkServicePort } from './validate-service-port.ts';
import {
  at,
  isFields,
  isNot,
  isTrueOrFalse,
  mapping,
  oneOf,
  wholeNumber,
  type Fields,
  type Problem,
} from './validate-values.ts';

export type SyncChange = (change: DesiredChange) => Promise<SyncResult>;

/**
 * `sync` of a backend, after the check: with no load-balancing algorithm that is not in `balancing`. Never rejects because of its
 * argument.
 */
export function validatedSync(
  family: Family,
  sync: SyncChange,
  balancing: BalancingSupport = DEFAULT_BALANCING_ONLY,
): SyncChange {
  const validator = createChangeValidator(family);
  const supported = createSupportedChange(balancing);
  return async (change) => {
    const checked = validator.check(change);
    if (!checked.ok) return refusedChange(checked.error);
    const result = await sync(supported(checked.value));
    const { refused } = validator;
    if (refused.length === 0) return result;
    const outcome = result.outcome === 'ok' ? 'partial' : result.outcome;
    return { ...result, outcome, failures: [...result.failures, ...refused] };
  };
}

function refusedChange(error: BackendError): SyncResult {
  return { outcome: 'failed', scope: 'none', failures: [], error, repaired: [], counters: {} };
}

export interface ChangeValidator {
  /** The change without what was refused; the same object where nothing was. */
  check(change: unknown): Result<DesiredChange>;
  /** Desired and left out, as of the last change that was accepted. */
  readonly refused: readonly ServiceFailure[];
}

export function createChangeValidator(family: Family): ChangeValidator {
  const known = new WeakSet<object>();
  const gate = <T extends { readonly key: string }>(path: string, check: GateOptions['check']) =>
    createGate<T>({ path, check, malformed });
  const servicePorts = gate<DesiredServicePort>('change.servicePorts', (value) =>
    checkServicePort(value, { family, known }),
  );
  const healthChecks = gate<DesiredHealthCheck>('change.healthChecks', checkHealthCheck);
  const nodes = new WeakSet<object>();
  return {
    check(value) {
      const problem =
        checkEnvelope(value, { family, nodes }) ??
        at('.servicePorts', servicePorts.checkSet((value as Fields)['servicePorts'])) ??
        at('.healthChecks', healthChecks.checkSet((value as Fields)['healthChecks']));
      if (problem !== null) return fail(malformed(`change${problem}`));
      const change = value as DesiredChange;
      const { kind } = change;
      const passed = {
        servicePorts: servicePorts.pass(change.servicePorts, kind),
        healthChecks: healthChecks.pass(change.healthChecks, kind),
      };
      const isWhole =
        passed.servicePorts === change.servicePorts && passed.healthChecks === change.healthChecks;
      return succeed(isWhole ? change : { ...change, ...passed });
    },
    get refused() {
      return [...servicePorts.refused(), ...healthChecks.refused()];
    },
  };
}

/** The full change of a state, checked as every backend checks it; the error is that of the first part that is refused. */
export function checkedChange(
  state: DesiredState,
  balancing: BalancingSupport = DEFAULT_BALANCING_ONLY,
): Result<DesiredChange> {
  const validator = createChangeValidator(state.family);
  const checked = validator.check(fullChange(state));
  const [refused] = validator.refused;
  if (refused !== undefined) return fail(refused.error);
  return checked.ok ? succeed(createSupportedChange(balancing)(checked.value)) : checked;
}

function malformed(message: string): BackendError {
  return backendError('rejected', 'sync', message, { kernel: 'unchanged' });
}

interface EnvelopeRules {
  readonly family: Family;
  /** Nodes that were found valid: nearly all changes have that of the change before. */
  readonly nodes: WeakSet<object>;
}

/** All but the service ports and health checks. */
function checkEnvelope(value: unknown, { family, nodes }: EnvelopeRules): Problem {
  if (!isFields(value)) return mapping(value);
  const isFamily = value['family'] === family;
  return (
    at('.kind', oneOf(value['kind'], ['full', 'incremental'])) ??
    at('.family', oneOf(value['family'], FAMILIES)) ??
    at('.family', isFamily ? null : isNot(value['family'], `the family of this backend, ${family}`)) ??
    at('.node', checkNodeOnce(value['node'], { family, nodes })) ??
    at('.nodeChanged', isTrueOrFalse(value['nodeChanged'])) ??
    at('.counts', checkCounts(value['counts']))
  );
}

function checkNodeOnce(value: unknown, { family, nodes }: EnvelopeRules): Problem {
  if (isFields(value) && nodes.has(value)) return null;
  const problem = checkNode(value, family);
  if (problem === null) nodes.add(value as object);
  return problem;
}

const COUNTS = ['servicePorts', 'endpoints', 'noLocalEndpointsInternal', 'noLocalEndpointsExternal'] as const;

function checkCounts(value: unknown): Problem {
  if (!isFields(value)) return mapping(value);
  for (const name of COUNTS) {
    const problem = wholeNumber(value[name], 0, Number.MAX_SAFE_INTEGER);
    if (problem !== null) return `.${name}${problem}`;
  }
  return null;
}

/**
 * Session affinity across a change of the mode: clients in objects of other modes are added to those of the mode that runs.
 * After its rules are in the kernel, and before the objects of the others are removed.
 */
import { latestOfEach, type AffinityClient } from '@signalbox/backend-kit';
import { formatBackendError, type DesiredState } from '@signalbox/core';
import type { Logger } from '../logging/logger.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';

export interface AffinityTransfer {
  /** Modes that may have left clients in the kernel. */
  readonly others: readonly ProxyMode[];
  readonly mode: ProxyMode;
  readonly states: readonly DesiredState[];
  readonly logger: Logger;
}

/** Never fails: clients that are not carried over are assigned to endpoints again. */
export async function carryAffinity({ others, mode, states, logger }: AffinityTransfer): Promise<void> {
  const { affinity } = mode;
  if (affinity?.write === undefined) return;
  for (const state of states) {
    if (![...state.servicePorts.values()].some((each) => each.affinity !== null)) continue;
    const { family } = state;
    const data = { family, mode: mode.name };
    const found = latestOfEach(await readAll(others, state, logger));
    if (found.length === 0) continue;
    const error = await affinity.write(family, found);
    if (error === null) logger.info('Kept session affinity of clients', { ...data, clients: found.length });
    else logger.warning(NOT_KEPT, { ...data, err: formatBackendError(error) });
  }
}

const NOT_KEPT = 'Failed to keep session affinity of clients';

async function readAll(
  others: readonly ProxyMode[],
  { family, servicePorts }: DesiredState,
  logger: Logger,
): Promise<readonly AffinityClient[]> {
  const found: AffinityClient[] = [];
  for (const { name, affinity } of others) {
    if (affinity === undefined) continue;
    const read = await affinity.read(family, [...servicePorts.values()]);
    if (read.ok) found.push(...read.value);
    else logger.warning(NOT_KEPT, { family, from: name, err: formatBackendError(read.error) });
  }
  return found;
}

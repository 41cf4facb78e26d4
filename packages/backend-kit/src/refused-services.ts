/**
 * Service ports that the kernel refuses get no rules, so that the others are programmed; they are tried again later. Pure but for
 * the trials.
 */
import type { BackendError, DesiredServicePort, ServicePortKey } from '@signalbox/core';
import { isolateRefused, type IsolationOptions } from './isolate.ts';

/** How the kernel is tried with a group of service ports, and again with one that was refused. */
export type ServiceTrial = Pick<IsolationOptions<DesiredServicePort>, 'attempt' | 'confirm'>;

/** The service ports that the kernel refuses at present. */
export interface RefusedServices {
  /** By key, with the error of the trial that refused them. A live view. */
  readonly all: ReadonlyMap<ServicePortKey, BackendError>;
  /** Those of these service ports that turn out to be refused; they are known as such from now on. */
  leaveOut(
    services: Iterable<DesiredServicePort>,
    trial: ServiceTrial,
  ): Promise<readonly DesiredServicePort[]>;
  /** Tries those of these that are refused again. Those that are accepted now, and no longer refused. */
  retry(services: Iterable<DesiredServicePort>, trial: ServiceTrial): Promise<readonly DesiredServicePort[]>;
  /** Keeps those that the condition names. The others are no longer desired, or may be acceptable. */
  keep(condition: (key: ServicePortKey) => boolean): void;
}

/** Few enough for one transaction of any kernel interface. */
const GROUP_SIZE = 200;
/** Bounds one search: some ten refused service ports among a thousand; those that it does not reach, the next one does. */
const REFUSALS_LIMIT = 256;

/** No service port is refused at the start. */
export function createRefusedServices(): RefusedServices {
  const all = new Map<ServicePortKey, BackendError>();
  const search = async (suspects: readonly DesiredServicePort[], trial: ServiceTrial) => {
    const limits = { groupSize: GROUP_SIZE, refusalsLimit: REFUSALS_LIMIT };
    const found = await isolateRefused({ suspects, ...trial, ...limits });
    for (const [{ key }, error] of found.refused) all.set(key, error);
    return found;
  };
  return {
    all,
    async leaveOut(services, trial) {
      const suspects = [...services].filter(({ key }) => !all.has(key));
      return [...(await search(suspects, trial)).refused.keys()];
    },
    async retry(services, trial) {
      if (all.size === 0) return [];
      const again = [...services].filter(({ key }) => all.has(key));
      const { accepted } = await search(again, trial);
      for (const { key } of accepted) all.delete(key);
      return again.filter((service) => accepted.has(service));
    },
    keep(condition) {
      for (const key of all.keys()) if (!condition(key)) all.delete(key);
    },
  };
}

/** Effects of a mode change on the clients of single Services, by fields of the Service. */
import { FAMILIES, type DesiredServicePort, type Model } from '@signalbox/core';
import type { ProxyMode } from '../modes/proxy-mode.ts';

export interface ServiceDifference {
  readonly about: 'source-ranges' | 'session-affinity';
  readonly message: string;
  /** `default/web`. */
  readonly services: readonly string[];
}

/** The model has built its state. */
export function serviceDifferences(
  model: Model,
  before: ProxyMode,
  after: ProxyMode,
): readonly ServiceDifference[] {
  if (before === after) return [];
  return [
    { about: 'source-ranges', message: sourceRanges(before, after), services: withRanges } as const,
    { about: 'session-affinity', message: affinity(after), services: withAffinity } as const,
  ].flatMap(({ about, message, services }) => {
    const names = message === null ? [] : namesOf(model, services);
    return message === null || names.length === 0 ? [] : [{ about, message, services: names }];
  });
}

/** `null`: no difference. */
function sourceRanges(before: ProxyMode, after: ProxyMode): string | null {
  if (before.ignoresSourceRanges === after.ignoresSourceRanges) return null;
  return after.ignoresSourceRanges === true
    ? 'loadBalancerSourceRanges have no effect: every source may connect'
    : 'loadBalancerSourceRanges take effect: packets of other sources are dropped';
}

function affinity(after: ProxyMode): string | null {
  if (after.affinity?.write !== undefined) return null;
  return 'clients with session affinity may reach another endpoint once, with their first connection after the change';
}

function withRanges({ frontends }: DesiredServicePort): boolean {
  return frontends.some((frontend) => frontend.kind === 'load-balancer' && frontend.sourceRanges !== null);
}

function withAffinity(service: DesiredServicePort): boolean {
  return service.affinity !== null;
}

function namesOf(model: Model, isMeant: (service: DesiredServicePort) => boolean): readonly string[] {
  const ports = FAMILIES.flatMap((family) => [...model.state(family).servicePorts.values()]);
  const names = ports.filter(isMeant).map(({ name }) => `${name.namespace}/${name.name}`);
  return [...new Set(names)].toSorted();
}

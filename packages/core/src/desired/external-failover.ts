import type { ExternalFailover, SpecifiedFailover } from '../model/service-policy.ts';
import type { ServiceModel } from '../model/service.ts';

/** Besides its default, what the proxy mode can do. */
export interface FailoverSupport {
  readonly externalFailovers: readonly ExternalFailover[];
}

/** S66: what the Service specifies, where the proxy mode can do it; else the default. */
export function externalFailover(
  { externalFailover: specified }: Pick<ServiceModel, 'externalFailover'>,
  { externalFailovers: supported }: FailoverSupport,
): ExternalFailover {
  return specified !== null && supported.includes(specified.policy) ? specified.policy : 'drop';
}

/** What a Service with ETP=Local specifies and the proxy mode cannot do; null: nothing. */
export function unsupportedFailover(
  { externalPolicy, externalFailover: specified }: ServiceModel,
  { externalFailovers: supported }: FailoverSupport,
): SpecifiedFailover | null {
  if (externalPolicy !== 'local' || specified === null) return null;
  return supported.includes(specified.policy) ? null : specified;
}

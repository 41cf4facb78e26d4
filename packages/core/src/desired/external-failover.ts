import type { InputProblem } from '../input.ts';
import { EXTERNAL_FAILOVERS, type ExternalFailover } from '../model/service-policy.ts';
import type { ServiceModel } from '../model/service.ts';

type Specified = Pick<ServiceModel, 'externalFailover'>;

/** Besides its default, what the proxy mode can do; absent: everything. */
export interface FailoverSupport {
  readonly externalFailovers?: readonly ExternalFailover[];
}

/** S66: what the Service specifies, where the proxy mode can do it; else the default. */
export function externalFailover(service: Specified, support: FailoverSupport): ExternalFailover {
  const { externalFailover: specified } = service;
  return specified !== null && isSupported(specified.policy, support) ? specified.policy : 'drop';
}

function isSupported(
  policy: ExternalFailover,
  { externalFailovers: supported = EXTERNAL_FAILOVERS }: FailoverSupport,
): boolean {
  return supported.includes(policy);
}

/** What a Service with ETP=Local specifies and the proxy mode cannot do; null: nothing. */
export function unsupportedFailover(service: ServiceModel, support: FailoverSupport): InputProblem | null {
  const { key, externalPolicy, externalFailover: specified } = service;
  if (externalPolicy !== 'local' || specified === null) return null;
  const { policy, field } = specified;
  if (isSupported(policy, support)) return null;
  const reason = 'not possible in this proxy mode: its default is used';
  return { resource: 'Service', object: key, field, value: JSON.stringify(policy), reason };
}

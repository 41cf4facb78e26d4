/** What Services specify and the proxy mode cannot do (S66). */
import { unsupportedFailover } from '../desired/external-failover.ts';
import type { InputProblem } from '../input.ts';
import type { ModelConfig } from '../model/model-config.ts';
import { sameValue } from '../model/same-value.ts';
import type { ServiceModel } from '../model/service.ts';

/** None that the last version of the Service had too. */
export function newlyUnsupported(
  config: ModelConfig,
  before: ServiceModel | undefined,
  after: ServiceModel | null,
): readonly InputProblem[] {
  const problem = after === null ? null : unsupportedFailover(after, config);
  if (problem === null) return [];
  const known = before === undefined ? null : unsupportedFailover(before, config);
  return sameValue(known, problem) ? [] : [problem];
}

export function unsupportedBy(
  config: ModelConfig,
  services: Iterable<ServiceModel>,
): readonly InputProblem[] {
  return [...services]
    .map((service) => unsupportedFailover(service, config))
    .filter((problem) => problem !== null);
}

import type { ServiceModel } from '../model/service.ts';
import { isReady, type Candidate } from '../select/candidate.ts';
import type { DesiredHealthCheck } from './desired-state.ts';

/**
 * F140, F145: only ready endpoints count, so that a load balancer drains this node before the last
 * terminating endpoint stops. `candidates`: of all ports of the service.
 */
export function healthCheck(
  service: ServiceModel,
  candidates: readonly Candidate[],
): DesiredHealthCheck | null {
  if (service.healthCheckNodePort === 0) return null;
  const ready = candidates.filter((candidate) => candidate.endpoint.isLocal && isReady(candidate));
  const [namespace = '', name = ''] = service.key.split('/');
  return {
    key: service.key,
    namespace,
    name,
    port: service.healthCheckNodePort,
    localEndpoints: new Set(ready.map(({ endpoint }) => endpoint.address)).size,
  };
}

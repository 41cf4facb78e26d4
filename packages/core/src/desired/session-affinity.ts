import type { ServiceModel } from '../model/service.ts';
import type { SessionAffinity } from './desired-state.ts';

/**
 * S30: the scope is the service port. All its frontends share one table per family; two ports of one
 * service have two tables, so one client may have affinity to two endpoints.
 */
export function sessionAffinity(service: ServiceModel): SessionAffinity | null {
  return service.affinity;
}

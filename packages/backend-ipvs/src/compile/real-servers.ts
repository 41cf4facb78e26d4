/**
 * The endpoints behind a frontend. A virtual server has one set of real servers, for all clients; so
 * under `externalTrafficPolicy: Local` pods of this node and the node itself are served by local endpoints
 * too while there are any, not by those of the whole cluster as S22 has it for the other modes.
 */
import type { DesiredEndpoint, DesiredServicePort, Frontend } from '@signalbox/core';
import { isServed, lastRoute, type LocalPolicyFallback } from './no-endpoints.ts';

const NONE: readonly DesiredEndpoint[] = [];

export function realServers(
  servicePort: DesiredServicePort,
  frontend: Frontend,
  fallback: LocalPolicyFallback,
): readonly DesiredEndpoint[] {
  if (fallsBackToCluster(servicePort, frontend, fallback)) return servicePort.clusterEndpoints;
  const last = lastRoute(frontend);
  const route = isServed(last) ? last : frontend.routes.find(isServed);
  if (route === undefined) return NONE;
  return route.target === 'cluster' ? servicePort.clusterEndpoints : servicePort.localEndpoints;
}

/** Whether endpoints of the whole cluster stand in for local ones that are missing. */
export function fallsBackToCluster(
  servicePort: DesiredServicePort,
  frontend: Frontend,
  fallback: LocalPolicyFallback,
): boolean {
  return (
    fallback === 'cluster' && lastRoute(frontend).target === 'drop' && servicePort.clusterEndpoints.length > 0
  );
}

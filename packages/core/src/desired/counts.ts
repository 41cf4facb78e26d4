import type { DesiredCounts, DesiredServicePort, Frontend } from './desired-state.ts';

function drops(frontend: Frontend): boolean {
  return frontend.routes.some(({ target }) => target === 'drop');
}

/** The contribution of one service port to the totals: S52, F157. */
export function countsOf(servicePort: DesiredServicePort): DesiredCounts {
  const isInternal = (frontend: Frontend): boolean => frontend.kind === 'cluster-ip';
  const dropping = servicePort.frontends.filter(drops);
  return {
    servicePorts: 1,
    // Chosen endpoints are all among the serving ones.
    endpoints: servicePort.servingEndpoints.length,
    noLocalEndpointsInternal: dropping.some(isInternal) ? 1 : 0,
    noLocalEndpointsExternal: dropping.some((frontend) => !isInternal(frontend)) ? 1 : 0,
  };
}

export const NO_COUNTS: DesiredCounts = {
  servicePorts: 0,
  endpoints: 0,
  noLocalEndpointsInternal: 0,
  noLocalEndpointsExternal: 0,
};

export function addCounts(total: DesiredCounts, part: DesiredCounts, sign: 1 | -1): DesiredCounts {
  return {
    servicePorts: total.servicePorts + sign * part.servicePorts,
    endpoints: total.endpoints + sign * part.endpoints,
    noLocalEndpointsInternal: total.noLocalEndpointsInternal + sign * part.noLocalEndpointsInternal,
    noLocalEndpointsExternal: total.noLocalEndpointsExternal + sign * part.noLocalEndpointsExternal,
  };
}

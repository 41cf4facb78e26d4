import type { DesiredState } from '../desired/desired-state.ts';
import { anyCidrContains } from '../model/cidr.ts';
import type { Flow } from './flow.ts';
import { isTrackedFlow, trackedVips, vipKey, wasRedirected } from './tracked-flows.ts';

/**
 * Flows of Services that were deleted while no proxy ran, or just before one was killed: no change names them any more
 * (S47). UDP and SCTP only (S48).
 *
 * The evidence: a flow was addressed to a range that the cluster allocates cluster IPs from, where no service port is
 * now, and its destination was rewritten to another address. Programs that redirect packets themselves (host ports, containers)
 * do so for addresses of the node. Without known ranges there is no such evidence, and nothing is selected.
 */
export function selectOrphanedFlows<F extends Flow>(
  state: Pick<DesiredState, 'node' | 'servicePorts'>,
  flows: Iterable<F>,
): F[] {
  const { serviceCIDRs } = state.node;
  if (serviceCIDRs.length === 0) return [];
  const vips = trackedVips(state, () => true);
  return [...flows].filter((flow) => {
    const { destination, destinationPort } = flow.original;
    return (
      isTrackedFlow(flow) &&
      wasRedirected(flow) &&
      !vips.has(vipKey(flow.protocol, destination, destinationPort)) &&
      anyCidrContains(serviceCIDRs, destination)
    );
  });
}

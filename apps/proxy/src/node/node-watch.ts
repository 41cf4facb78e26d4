import type { NodeView } from '@signalbox/core';
import type { HealthState } from '../health/health-state.ts';
import type { Logger } from '../logging/logger.ts';

export interface NodeWatchOptions {
  readonly logger: Logger;
  readonly health: HealthState;
}

/** Follows this node's own object: eligibility for load balancers, and what the log should say about changes. */
export function createNodeWatch({ logger, health }: NodeWatchOptions): (view: NodeView) => void {
  let before: NodeView | null = null;
  return (view) => {
    health.setNodeEligible(view.known && view.eligible ? 'eligible' : 'not-eligible');
    if (before !== null) describeChange(logger, before, view);
    before = view;
  };
}

function describeChange(logger: Logger, before: NodeView, view: NodeView): void {
  if (before.known && !view.known)
    logger.warning('The Node object of this node was deleted; rules stay as they are');
  if (!before.known && view.known) logger.info('Node object found', { ips: view.ips, zone: view.zone });
  if (!before.known || !view.known) return;
  const fields = ['ips', 'podCIDRs', 'zone', 'eligible'] as const;
  for (const field of fields) {
    const [old, now] = [JSON.stringify(before[field]), JSON.stringify(view[field])];
    if (old !== now)
      logger.info('Node changed; taken over', { field, before: before[field], after: view[field] });
  }
}

import type { NodeView } from '@signalbox/core';
import type { HealthState } from '../health/health-state.ts';
import type { Logger } from '../logging/logger.ts';
import type { FamilyVerdict } from './family-check.ts';

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

export interface NodeCheckOptions {
  readonly check: (view: NodeView) => FamilyVerdict;
  readonly hasStarted: () => boolean;
  readonly logger: Logger;
  readonly onFatal: (reason: string) => void;
}

/**
 * Whether the proxy may start with the Node as it is. Each problem is logged once; it ends the process only
 * before the first sync: rules that are in place are worth more than none.
 */
export function createNodeCheck(options: NodeCheckOptions): (view: NodeView) => boolean {
  const { check, logger, hasStarted, onFatal } = options;
  const logged = new Set<string>();
  return (view) => {
    const { fatal, warnings } = check(view);
    for (const reason of [...warnings, ...(fatal === null ? [] : [fatal])]) {
      if (logged.has(reason)) continue;
      logged.add(reason);
      if (reason === fatal && !hasStarted()) onFatal(reason);
      else logger.warning(reason);
    }
    return fatal === null;
  };
}

function describeChange(logger: Logger, before: NodeView, view: NodeView): void {
  if (before.known && !view.known)
    logger.warning('Node object of this node was deleted; rules stay in place');
  if (!before.known && view.known) logger.info('Node object found', { ips: view.ips, zone: view.zone });
  if (!before.known || !view.known) return;
  const fields = ['ips', 'podCIDRs', 'zone', 'eligible'] as const;
  for (const field of fields) {
    const [old, now] = [JSON.stringify(before[field]), JSON.stringify(view[field])];
    if (old !== now)
      logger.info('Applied changed Node', { field, before: before[field], after: view[field] });
  }
}

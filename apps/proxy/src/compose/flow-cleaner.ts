/** Deletes UDP and SCTP flows that lead to endpoints no longer there, by netlink. */
import {
  mayLeaveStaleFlows,
  PROTOCOL_NUMBER,
  selectOrphanedFlows,
  selectStaleFlows,
  type Family,
} from '@signalbox/core';
import { createConntrackClient, toBackendError, type ConntrackClient } from '@signalbox/netlink';
import type { FlowCleaner } from './composition.ts';

export function createFlowCleaner(
  family: Family,
  client: ConntrackClient = createConntrackClient(),
): FlowCleaner {
  return {
    clean: async ({ change, state, orphans }) => {
      const mayFindOrphans = orphans && state.node.serviceCIDRs.length > 0;
      if (!mayFindOrphans && !mayLeaveStaleFlows(change)) return null;
      const listed = await client.listFlows(family, [PROTOCOL_NUMBER.UDP, PROTOCOL_NUMBER.SCTP]);
      if (!listed.ok) return { deleted: 0, error: toBackendError(listed.error) };
      const { items } = listed.value;
      const orphaned = mayFindOrphans ? selectOrphanedFlows(state, items) : [];
      const stale = new Set([...selectStaleFlows(change, state, items), ...orphaned]);
      const result = await client.deleteFlows([...stale]);
      if (!result.ok) return { deleted: 0, error: toBackendError(result.error) };
      const refused = result.value.outcomes.find(
        (error) => error !== undefined && error.code !== 'not-found',
      );
      const { deleted } = result.value;
      return refused === undefined ? { deleted } : { deleted, error: toBackendError(refused) };
    },
    close: () => client.close(),
  };
}

/**
 * Any request to ctnetlink makes the kernel load nf_conntrack with it, by its own modprobe: an image without that
 * program, or without the node's /lib/modules, is enough. Where nothing was loaded there are no flows to list.
 */
export async function loadConntrack(
  client: ConntrackClient = createConntrackClient(),
): Promise<string | null> {
  const listed = await client.listFlows('IPv4', [PROTOCOL_NUMBER.UDP]);
  client.close();
  return listed.ok ? null : `${listed.error.operation}: ${listed.error.message}`;
}

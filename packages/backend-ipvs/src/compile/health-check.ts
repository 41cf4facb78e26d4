import type { DesiredHealthCheck } from '@signalbox/core';
import type { PlacedEntry } from './ip-sets.ts';

/** The health-check port itself is served by the app: the packet filter must let it through (S27). */
export function healthCheckEntry({ port }: DesiredHealthCheck): PlacedEntry {
  return { set: 'HEALTH-CHECK-NODE-PORT', entry: { kind: 'port', port } };
}

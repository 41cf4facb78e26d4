import type { DesiredHealthCheck } from '@signalbox/core';
import { ACCEPT, rule, type TypedRule } from '@signalbox/iptables';
import { portKey } from './dispatch-key.ts';
import { toPort } from './frontend-match.ts';
import type { DispatchEntry } from './sorted-entries.ts';

/** In filter: accepts packets to the health-check port of a Service (S27). */
export function healthCheckEntry({ namespace, name, port }: DesiredHealthCheck): DispatchEntry {
  const accept: TypedRule = rule(toPort('TCP', port, `${namespace}/${name} health check node port`), ACCEPT);
  return { key: portKey('TCP', port), rules: [accept] };
}

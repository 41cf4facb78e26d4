import type { Family, Model } from '@signalbox/core';
import { createServiceHealth, type ServiceHealth } from '../health/service-health.ts';
import type { Parts } from '../parts.ts';

/** Health-check ports of one family: all addresses, or those that `nodePortAddresses` means now. */
export function familyServiceHealth(parts: Omit<Parts, 'running'>, family: Family): ServiceHealth {
  const logger = parts.logging.logger.component('service-health');
  return createServiceHealth({
    family,
    logger,
    bounds: { budget: parts.connections },
    proxyHealthy: () => parts.health.health().healthy,
    addresses: () => listenAddresses(parts.model, family),
    onBindError: ({ namespace, name, port }, error) => {
      const note = `Cannot listen on health check node port ${port}: ${error.message}`;
      logger.error(note, { service: `${namespace}/${name}`, family, retry: 'at the next sync' });
      parts.bundle.events.record({
        type: 'Warning',
        reason: 'FailedToStartServiceHealthcheck',
        action: 'Listen',
        note,
        service: { namespace, name },
      });
    },
  });
}

export function listenAddresses(model: Model, family: Family): readonly string[] {
  const { nodePortAddresses, nodePortIPs } = model.state(family).node;
  if (nodePortAddresses.kind === 'ranges') return nodePortIPs;
  return family === 'IPv4' ? ['0.0.0.0'] : ['::'];
}

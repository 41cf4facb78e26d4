import { familyOf, type Family } from '@signalbox/core';
import { parseCidr } from '../config/ip.ts';
import { createServiceHealth, type ServiceHealth } from '../health/service-health.ts';
import type { Parts } from '../parts.ts';

/** Health-check ports of one family: all addresses, or those that `nodePortAddresses` means now. */
export function familyServiceHealth(parts: Parts, family: Family): ServiceHealth {
  const logger = parts.logging.logger.component('service-health');
  return createServiceHealth({
    family,
    logger,
    bounds: { budget: parts.connections },
    proxyHealthy: () => parts.health.health().healthy,
    addresses: () => listenAddresses(parts, family),
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

function listenAddresses({ current, model }: Parts, family: Family): readonly string[] {
  const all = family === 'IPv4' ? ['0.0.0.0'] : ['::'];
  const wanted = current.config.nodePortAddresses;
  if (wanted[0] === 'primary') return model.state(family).node.nodePortIPs;
  const cidrs = wanted.flatMap((text) => parseCidr(text) ?? []).filter((cidr) => cidr.family === family);
  if (cidrs.length === 0 || cidrs.some(({ prefixLength }) => prefixLength === 0)) return all;
  return model.state(family).node.nodePortIPs.filter((address) => familyOf(address) === family);
}

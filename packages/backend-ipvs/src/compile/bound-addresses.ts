import type { DesiredServicePort } from '@signalbox/core';

/** Addresses that must be this host's own, so that IPVS sees packets to them. Never those of node ports. */
export function serviceAddresses(servicePort: DesiredServicePort): readonly string[] {
  const addresses = servicePort.frontends.flatMap((frontend) =>
    frontend.kind === 'node-port' ? [] : [frontend.address],
  );
  return [...new Set(addresses)];
}

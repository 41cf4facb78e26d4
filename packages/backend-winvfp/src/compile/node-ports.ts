/** A node port is a load balancer without VIPs: HNS then answers on every address of the host. */
import type { DesiredNode } from '@signalbox/core';
import { PORT_MAPPING_FLAGS } from '../objects/hcn-documents.ts';

export const NODE_PORT_FLAGS: number = PORT_MAPPING_FLAGS.vipExternalIp | PORT_MAPPING_FLAGS.localRoutedVip;

/** An empty list of ranges turns node ports off; any other list cannot be expressed (`nodePortReason`). */
export function nodePortsOff(addresses: DesiredNode['nodePortAddresses']): boolean {
  return addresses.kind === 'ranges' && addresses.cidrs.length === 0;
}

export function nodePortReason(addresses: DesiredNode['nodePortAddresses']): string | null {
  if (addresses.kind === 'any-local' && !addresses.loopback) return null;
  if (addresses.loopback) return 'loopback traffic does not pass the virtual switch';
  if (nodePortsOff(addresses)) return null;
  return 'HNS answers on every address of the host, not on chosen ones';
}

import { formatAddressPort, type DesiredEndpoint } from '@signalbox/core';

/** What identifies an endpoint of a service port across changes: `10.244.1.7:8080`. */
export function endpointName({ address, port }: Pick<DesiredEndpoint, 'address' | 'port'>): string {
  return formatAddressPort(address, port);
}

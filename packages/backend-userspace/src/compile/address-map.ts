/** Maps addresses of Services, and of endpoints, to addresses that an unprivileged process may bind. Pure. */
import {
  cidrContains,
  formatAddress,
  parseAddress,
  parseCidr,
  type Cidr,
  type DesiredEndpoint,
  type DesiredServicePort,
} from '@signalbox/core';

/** Two ranges of one family and prefix length; the host bits are kept. */
export interface AddressMapping {
  readonly from: Cidr;
  readonly to: Cidr;
}

/** Parses `10.96.0.0/16=127.96.0.0/16`; an invalid text gives the error message. */
export function parseAddressMapping(text: string): AddressMapping | string {
  const [left = '', right, ...more] = text.split('=');
  const from = parseCidr(left.trim());
  const to = parseCidr((right ?? '').trim());
  if (from === null || to === null || more.length > 0) {
    return `${JSON.stringify(text)} is not CIDR=CIDR, as in 10.96.0.0/16=127.96.0.0/16`;
  }
  if (from.family !== to.family || from.prefixLength !== to.prefixLength) {
    return `${JSON.stringify(text)}: both ranges must have the same family and prefix length`;
  }
  return { from, to };
}

/** The mapped address; `null`: no mapping contains the address. */
export function mapAddress(mappings: readonly AddressMapping[], address: string): string | null {
  const mapping = mappings.find(({ from }) => cidrContains(from, address));
  const parsed = mapping === undefined ? null : parseAddress(address);
  if (mapping === undefined || parsed === null) return null;
  const { family, network, hostBits } = mapping.to;
  const host = parsed.value & ((1n << hostBits) - 1n);
  return formatAddress({ family, value: (network << hostBits) | host });
}

export type ServicePortMap = (servicePort: DesiredServicePort) => DesiredServicePort;

/**
 * The same service port with endpoints at their mapped addresses; the same object if there are no mappings. What is derived from
 * the same list is the same list: turns and tables of the algorithms belong to it (`perList`).
 */
export function createServicePortMap(mappings: readonly AddressMapping[]): ServicePortMap {
  if (mappings.length === 0) return (servicePort) => servicePort;
  const known = new WeakMap<readonly DesiredEndpoint[], readonly DesiredEndpoint[]>();
  const mapped = (endpoints: readonly DesiredEndpoint[]): readonly DesiredEndpoint[] => {
    const made =
      known.get(endpoints) ??
      endpoints.map((each) => ({ ...each, address: mapAddress(mappings, each.address) ?? each.address }));
    known.set(endpoints, made);
    return made;
  };
  return (servicePort) => ({
    ...servicePort,
    clusterEndpoints: mapped(servicePort.clusterEndpoints),
    localEndpoints: mapped(servicePort.localEndpoints),
    servingEndpoints: mapped(servicePort.servingEndpoints),
  });
}

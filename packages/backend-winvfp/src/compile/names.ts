/**
 * Names and ids of HNS objects. HNS objects have no owner field, but a client may choose the id of what it creates: those of
 * Signalbox are GUIDs of version 8 (RFC 9562, "vendor specific") that begin with a mark and are a hash of what they stand for.
 * So a restarted process recognises its own objects, one frontend has one id, and no object of another program is removed.
 */
import { createHash } from 'node:crypto';
import { addressBytes, formatAddressPort, type Family, type Protocol } from '@signalbox/core';
import { addressKey } from '../objects/address.ts';

/** "SgBx" in ASCII. */
const MARK = '53674278';

function guid(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${MARK}-${hex.slice(0, 4)}-8${hex.slice(4, 7)}-b${hex.slice(7, 10)}-${hex.slice(10, 22)}`.toUpperCase();
}

export function isOurId(id: string): boolean {
  return id.startsWith(MARK) && id.charAt(14) === '8';
}

/** One spelling for ids: HNS returns upper or lower case. */
export function idKey(id: string): string {
  return id.toUpperCase();
}

/** `10.96.0.10:80/tcp`; an empty address stands for every address of the host. */
export function frontendName(address: string, port: number, protocol: Protocol): string {
  const place = address === '' ? `*:${port}` : formatAddressPort(address, port);
  return `${place}/${protocol.toLowerCase()}`;
}

/** Node ports of both families have one name: the family keeps their ids apart. */
export function loadBalancerId(family: Family, frontend: string): string {
  return guid(`load-balancer ${family} ${frontend}`);
}

/** Networks may have endpoints with one address each: their ids differ. */
export function endpointId(
  role: 'pod' | 'service-vip' | 'source-vip',
  network: string,
  address: string,
): string {
  return guid(`endpoint ${role} ${idKey(network)} ${addressKey(address)}`);
}

/**
 * The MAC address of a remote endpoint: `02-11` and the address's bytes, for IPv6 its last four from the end. The
 * scheme is kube-proxy's: it identifies endpoints that kube-proxy left.
 */
export function remoteMac(address: string): string {
  const bytes = [...(addressBytes(address) ?? [])];
  const tail = bytes.length === 4 ? bytes : bytes.slice(-4).toReversed();
  return ['02', '11', ...tail.map((byte) => byte.toString(16).padStart(2, '0'))].join('-');
}

/**
 * Names that kube-proxy derives by hash. Equal names let operators find the rules they know and let a
 * replacement adopt the kernel objects of the same name.
 */
import { hash } from 'node:crypto';
import { formatAddressPort, servicePortLabel, type ServicePortName } from '@signalbox/core';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The chain-name limit of nftables leaves this much to the name after the longest prefix. */
const NFTABLES_NAME_LIMIT = 240;

/** The first `length` characters of base32 (RFC 4648, upper case) of SHA-256 over the text. At most 51. */
function hashText(text: string, length: number): string {
  const digest = hash('sha256', text, 'buffer');
  const codes: number[] = [];
  for (let digit = 0; digit < length; digit++) {
    const bit = digit * 5;
    const word = ((digest[bit >> 3] ?? 0) << 8) | (digest[(bit >> 3) + 1] ?? 0);
    codes.push(BASE32.charCodeAt((word >>> (11 - (bit & 7))) & 31));
  }
  // In one go: a text that grew by a character at a time is kept by V8 in all its parts.
  return String.fromCharCode(...codes);
}

interface AddressPort {
  readonly address: string;
  readonly port: number;
}

/** The 16 characters behind `KUBE-SVC-`, `KUBE-SVL-`, `KUBE-EXT-` and `KUBE-FW-`. */
export function servicePortChainHash(name: ServicePortName): string {
  return hashText(servicePortLabel(name) + name.protocol.toLowerCase(), 16);
}

/** The 16 characters behind `KUBE-SEP-`. */
export function endpointChainHash(name: ServicePortName, endpoint: AddressPort): string {
  const owner = servicePortLabel(name) + name.protocol.toLowerCase();
  return hashText(owner + formatAddressPort(endpoint.address, endpoint.port), 16);
}

function nftablesName(text: string): string {
  const name = `${hashText(text, 8)}-${text}`;
  return name.length <= NFTABLES_NAME_LIMIT ? name : `${name.slice(0, NFTABLES_NAME_LIMIT - 3)}...`;
}

function nftablesServiceText(name: ServicePortName): string {
  return `${name.namespace}/${name.name}/${name.protocol.toLowerCase()}/${name.port}`;
}

/** What stands behind `service-`, `local-`, `external-`, `firewall-`: `ULMVA6XW-ns1/svc1/tcp/p80`. */
export function nftablesServiceName(name: ServicePortName): string {
  return nftablesName(nftablesServiceText(name));
}

/** What stands behind `endpoint-` and `affinity-`; colons of IPv6 become dots. */
export function nftablesEndpointName(name: ServicePortName, endpoint: AddressPort): string {
  const address = endpoint.address.replaceAll(':', '.');
  return nftablesName(`${nftablesServiceText(name)}__${address}/${endpoint.port}`);
}

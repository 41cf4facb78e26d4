/** Addresses and CIDRs as the configuration writes them. Only text in, text out. */
import {
  canonicalAddress,
  formatAddressPort,
  parseCidr as parseCanonicalCidr,
  type Family,
} from '@signalbox/core';

/**
 * The canonical form of an address, or `null`. Leading zeros in IPv4 octets are decimal, as everywhere in
 * kube-proxy: files that `010.0.0.1` worked in go on working.
 */
export function parseAddress(text: string): string | null {
  return canonicalAddress(withoutLeadingZeros(text));
}

function withoutLeadingZeros(text: string): string {
  return /^[\d.]+$/.test(text) ? text.replace(/(^|\.)0+(?=\d)/g, '$1') : text;
}

export function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || /^[0:]+$/.test(address);
}

export interface Cidr {
  readonly family: Family;
  /** `10.0.0.0/8`; bits beyond the prefix as they were written. */
  readonly text: string;
  readonly prefixLength: number;
}

/** As `parseAddress`. What this accepts, the core accepts too: there, an entry that cannot be read has no effect. */
export function parseCidr(text: string): Cidr | null {
  const [address = '', length = '', ...more] = text.split('/');
  const ip = parseAddress(address);
  if (ip === null || more.length > 0) return null;
  const parsed = parseCanonicalCidr(`${withoutLeadingZeros(address)}/${length.replace(/^0+(?=\d)/, '')}`);
  if (parsed === null) return null;
  const { family, prefixLength } = parsed;
  return { family, text: `${ip}/${prefixLength}`, prefixLength };
}

/** For the address of a server: there is to be none. An empty one means the default. */
export const NO_SERVER = 'none';

export const MAX_PORT = 65_535;

/** Of addresses that name none. */
export const SERVER_PORTS = { healthz: 10_256, metrics: 10_249 } as const;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `1.2.3.4:80` or `[::1]:80`. The reason when it is not one. */
export function parseAddressPort(text: string): Endpoint | string {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(text);
  if (match === null) return 'must be IP:port';
  const host = match[1] ?? match[2] ?? '';
  const address = parseAddress(host);
  if (address === null) return 'must be a valid IP';
  const port = /^\d{1,5}$/.test(match[3] ?? '') ? Number(match[3]) : 0;
  return port < 1 || port > MAX_PORT ? 'must be a valid port' : { host: address, port };
}

/** Adds the port where the text is only an address; anything else stays for the check of the field. */
export function withDefaultPort(text: string, port: number): string {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (parseAddress(bare) === null) return text;
  return formatAddressPort(bare, port);
}

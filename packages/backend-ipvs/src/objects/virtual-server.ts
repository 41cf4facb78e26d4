import { canonicalAddress, formatAddressPort, PROTOCOLS, type Protocol } from '@signalbox/core';

/** Flags of a virtual server, as `include/uapi/linux/ip_vs.h` numbers them. */
export const IP_VS_SVC_F_PERSISTENT = 0x01;
/** The kernel's own bookkeeping: set on every server that is in its table, never compared. */
export const IP_VS_SVC_F_HASHED = 0x02;
/** Second flag that a scheduler may define: `sh-port` and `mh-port`, the source port is hashed too. */
export const IP_VS_SVC_F_SCHED2 = 0x10;

/** One frontend in the kernel's table: where clients connect. Forwarding is by NAT (ipvsadm: masquerading). */
export interface VirtualServer {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** Name of the kernel module without `ip_vs_`: `rr`. */
  readonly scheduler: string;
  /** Without IP_VS_SVC_F_HASHED. */
  readonly flags: number;
  /** Seconds that a client stays with its real server; 0 without the persistent flag. */
  readonly timeoutSeconds: number;
}

/** `TCP 10.96.0.10:80`: identity of a virtual server within one family. */
export type VirtualServerKey = string;

export function virtualServerKey(
  server: Pick<VirtualServer, 'protocol' | 'address' | 'port'>,
): VirtualServerKey {
  return `${server.protocol} ${formatAddressPort(server.address, server.port)}`;
}

/** Enough of a server to delete it; `null` for what is no key. */
export function serverOfKey(key: VirtualServerKey): VirtualServer | null {
  const [, word, bracketed, plain, digits] = /^(\w+) (?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(key) ?? [];
  const protocol = PROTOCOLS.find((each) => each === word);
  const address = canonicalAddress(bracketed ?? plain ?? '');
  if (protocol === undefined || address === null) return null;
  const server = { protocol, address, port: Number(digits), scheduler: '', flags: 0, timeoutSeconds: 0 };
  return virtualServerKey(server) === key && server.port <= 65_535 ? server : null;
}

/** All that can be changed in place is the same. */
export function sameSettings(one: VirtualServer, other: VirtualServer): boolean {
  return (
    one.scheduler === other.scheduler &&
    one.flags === other.flags &&
    one.timeoutSeconds === other.timeoutSeconds
  );
}

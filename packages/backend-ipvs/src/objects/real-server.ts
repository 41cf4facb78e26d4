import { formatAddressPort } from '@signalbox/core';

/** A destination of a virtual server. Weight 0: no new connections, established ones go on. */
export interface RealServer {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

/** Its counters in the kernel: `active` counts established TCP connections, `inactive` all others. */
export interface RealServerStatus extends RealServer {
  readonly active: number;
  readonly inactive: number;
  /** Since it was added. */
  readonly connections: number;
}

/** `10.244.1.5:8080`: identity within its virtual server. */
export type RealServerKey = string;

export function realServerKey(server: { readonly address: string; readonly port: number }): RealServerKey {
  return formatAddressPort(server.address, server.port);
}

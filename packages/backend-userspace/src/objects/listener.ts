import {
  formatAddressPort,
  sameValue,
  type DesiredNode,
  type DesiredServicePort,
  type Frontend,
} from '@signalbox/core';

/** A listening socket for one frontend, and the objects that determine how its connections are forwarded. */
export interface Listener {
  readonly protocol: 'TCP' | 'UDP';
  /** The address that the socket is bound to: that of the frontend, or the mapped one. */
  readonly address: string;
  readonly port: number;
  readonly frontend: Frontend;
  readonly servicePort: DesiredServicePort;
  readonly node: DesiredNode;
}

/** `TCP 10.96.0.10:80`, `UDP [fd00:10:96::a]:53`. */
export function listenerKey({
  protocol,
  address,
  port,
}: Pick<Listener, 'protocol' | 'address' | 'port'>): string {
  return `${protocol} ${formatAddressPort(address, port)}`;
}

/** Identity is the fast path: the core keeps objects that did not change. */
export function sameListener(one: Listener, other: Listener): boolean {
  return (
    sameValue(one.frontend, other.frontend) &&
    sameValue(one.servicePort, other.servicePort) &&
    sameValue(one.node, other.node)
  );
}

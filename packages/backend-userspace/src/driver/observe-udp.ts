/** Collects the record of one UDP session. Nothing is created unless records are requested. */
import { CONNECTED, type ConnectionEnd, type Peer } from '../objects/connection-record.ts';
import type { Listener } from '../objects/listener.ts';
import type { DataPath } from './data-path.ts';

export interface UdpObserver {
  bytesIn: number;
  bytesOut: number;
  ended(cause: ConnectionEnd): void;
}

interface Flow {
  readonly listener: Listener;
  readonly client: Peer;
  readonly endpoint: Peer;
}

/** `null`: records are not requested. */
export function observeUdp({ clock, onConnectionEnd }: DataPath, flow: Flow): UdpObserver | null {
  if (onConnectionEnd === null) return null;
  const { listener, client } = flow;
  const startedAt = clock.now();
  const endpoint = { address: flow.endpoint.address, port: flow.endpoint.port };
  const observer: UdpObserver = {
    bytesIn: 0,
    bytesOut: 0,
    ended: (cause) =>
      onConnectionEnd({
        servicePort: listener.servicePort.name,
        client,
        frontend: { address: listener.address, port: listener.port },
        endpoint,
        attempts: [{ endpoint, at: startedAt, outcome: CONNECTED }],
        bytesIn: observer.bytesIn,
        bytesOut: observer.bytesOut,
        startedAt,
        endedAt: clock.now(),
        cause,
      }),
  };
  return observer;
}

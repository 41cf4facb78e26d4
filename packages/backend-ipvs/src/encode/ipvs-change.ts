/** Virtual and real servers ↔ the words of the IPVS netlink family. */
import { PROTOCOL_NUMBER, PROTOCOLS, familyOf, type Protocol } from '@signalbox/core';
import type {
  IpvsChange,
  IpvsDestination,
  IpvsDestinationState,
  IpvsService,
  IpvsServiceKey,
  IpvsServiceState,
} from '@signalbox/netlink';
import type { Operation } from '../objects/operation.ts';
import type { RealServer, RealServerStatus } from '../objects/real-server.ts';
import { IP_VS_SVC_F_HASHED, type VirtualServer } from '../objects/virtual-server.ts';

export type IpvsOperation = Extract<Operation, { kind: `server-${string}` | `real-${string}` }>;

export function isIpvsOperation(operation: Operation): operation is IpvsOperation {
  return 'server' in operation;
}

export function encodeIpvsChange(operation: IpvsOperation): IpvsChange {
  const { kind, server } = operation;
  const service = encodeServiceKey(server);
  switch (kind) {
    case 'server-add':
      return { kind: 'add-service', service: encodeService(server) };
    case 'server-update':
      return { kind: 'set-service', service: encodeService(server) };
    case 'server-delete':
      return { kind: 'delete-service', service };
    case 'real-add':
      return { kind: 'add-destination', service, destination: encodeDestination(operation.real) };
    case 'real-update':
      return { kind: 'set-destination', service, destination: encodeDestination(operation.real) };
    case 'real-delete':
      return { kind: 'delete-destination', service, destination: operation.real };
  }
}

export function encodeServiceKey({ protocol, address, port }: VirtualServer): IpvsServiceKey {
  return { family: familyOf(address), protocol: PROTOCOL_NUMBER[protocol], address, port };
}

function encodeService(server: VirtualServer): IpvsService {
  const { scheduler, flags, timeoutSeconds } = server;
  const key = encodeServiceKey(server);
  // Persistence is for one client address at a time.
  const persistencePrefix = key.family === 'IPv4' ? 32 : 128;
  return { ...key, scheduler, flags, timeoutSeconds, persistencePrefix };
}

function encodeDestination({ address, port, weight }: RealServer): IpvsDestination {
  return { address, port, weight, forwarding: 'masquerade', upperThreshold: 0, lowerThreshold: 0 };
}

/** `null` for a protocol that no service has. */
export function decodeServer(state: IpvsServiceState): VirtualServer | null {
  const protocol = protocolOf(state.protocol);
  if (protocol === null) return null;
  const { address, port, scheduler, timeoutSeconds } = state;
  const flags = state.flags & ~IP_VS_SVC_F_HASHED;
  // The kernel keeps a timeout for every server; it means nothing without the flag.
  return {
    protocol,
    address,
    port,
    scheduler,
    flags,
    timeoutSeconds: (flags & 1) === 0 ? 0 : timeoutSeconds,
  };
}

function protocolOf(number: number): Protocol | null {
  return PROTOCOLS.find((protocol) => PROTOCOL_NUMBER[protocol] === number) ?? null;
}

/** Not a weight that Signalbox sets: a server with another forwarding method must be updated whatever its weight. */
const OTHER_FORWARDING = -1;

export function decodeReal(state: IpvsDestinationState): RealServerStatus {
  return {
    address: state.address,
    port: state.port,
    weight: state.forwarding === 'masquerade' ? state.weight : OTHER_FORWARDING,
    active: state.activeConnections,
    inactive: state.inactiveConnections,
    connections: state.stats.connections,
  };
}

import type { DesiredEndpoint, DesiredServicePort, Frontend, Protocol } from '@signalbox/core';
import type { VirtualServer } from '../objects/virtual-server.ts';
import type { CompileContext } from './compile-context.ts';
import { schedulerFlags, schedulerOf } from './load-balancing.ts';
import { realServers } from './real-servers.ts';
import { persistence } from './session-affinity.ts';

/** A virtual server with the endpoints that serve it. */
export interface DesiredServer {
  readonly server: VirtualServer;
  /** Shared with the desired state: no copies. */
  readonly endpoints: readonly DesiredEndpoint[];
  /** Endpoints that still serve, chosen or not: established UDP and SCTP flows stay with them (S46). */
  readonly serving: readonly DesiredEndpoint[];
}

export function desiredServers(
  servicePort: DesiredServicePort,
  frontend: Frontend,
  context: CompileContext,
): readonly DesiredServer[] {
  const endpoints = realServers(servicePort, frontend, context.localPolicyFallback);
  const { protocol } = servicePort.name;
  const settings = serverSettings(servicePort, context);
  return frontendAddresses(frontend, context).map((address) => ({
    server: { protocol, address, port: frontend.port, ...settings },
    endpoints,
    serving: servicePort.servingEndpoints,
  }));
}

/** The addresses that clients use: a node port has one for each address of the node. */
function frontendAddresses(frontend: Frontend, context: CompileContext): readonly string[] {
  return frontend.kind === 'node-port' ? context.nodePortAddresses : [frontend.address];
}

function serverSettings(
  servicePort: DesiredServicePort,
  context: CompileContext,
): Omit<VirtualServer, 'protocol' | 'address' | 'port'> {
  const { flags, timeoutSeconds } = persistence(servicePort.affinity);
  const scheduler = schedulerOf(servicePort, context);
  return {
    scheduler,
    flags: flags | schedulerFlags(scheduler),
    timeoutSeconds,
  };
}

/** What a set entry for this frontend names. */
export interface FrontendPort {
  readonly address: string;
  readonly protocol: Protocol;
  readonly port: number;
}

export function frontendPorts(
  servicePort: DesiredServicePort,
  frontend: Frontend,
  context: CompileContext,
): readonly FrontendPort[] {
  const { protocol } = servicePort.name;
  return frontendAddresses(frontend, context).map((address) => ({ address, protocol, port: frontend.port }));
}

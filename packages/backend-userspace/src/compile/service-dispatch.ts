/** Compiles a service port to its sockets and addresses, and selects the endpoints that a client may reach. */
import {
  backendError,
  endpointsOf,
  isLoopback,
  selectRoute,
  servicePortLabel,
  type BackendError,
  type DesiredEndpoint,
  type DesiredServicePort,
  type Frontend,
} from '@signalbox/core';
import type { Listener } from '../objects/listener.ts';
import { mapAddress } from './address-map.ts';
import type { CompileContext, Place } from './compile-context.ts';
import { isRefusedByKernel } from './no-endpoints.ts';
import { nodePortPlaces } from './node-ports.ts';

export interface CompiledServicePort {
  readonly listeners: readonly Listener[];
  /** Addresses to assign to the node, with or without a socket: connections to their other ports are refused, not forwarded. */
  readonly addresses: readonly string[];
  /** Frontends whose address is neither mapped nor assigned to the node. */
  readonly unreachable: number;
}

/** Returns an error if this mode cannot serve the service port. */
export function compileServicePort(
  servicePort: DesiredServicePort,
  context: CompileContext,
): CompiledServicePort | BackendError {
  const { protocol } = servicePort.name;
  if (protocol === 'SCTP') {
    const label = servicePortLabel(servicePort.name);
    const message = `${label}: Node.js has no SCTP sockets, so userspace mode does not serve the port`;
    return backendError('unsupported', 'listen', message, { kernel: 'unchanged' });
  }
  const served = context.mapServicePort(servicePort);
  const listeners: Listener[] = [];
  const addresses: string[] = [];
  let unreachable = 0;
  for (const frontend of servicePort.frontends) {
    const places = placesOf(frontend, context);
    if (places.length === 0) unreachable++;
    if (isAssigned(frontend, places)) addresses.push(frontend.address);
    if (isRefusedByKernel(frontend)) continue;
    for (const place of places)
      listeners.push({ protocol, ...place, frontend, servicePort: served, node: context.node });
  }
  return { listeners, addresses, unreachable };
}

function placesOf(frontend: Frontend, context: CompileContext): readonly Place[] {
  if (frontend.kind === 'node-port') return nodePortPlaces(frontend, context);
  const { address, port } = frontend;
  const mapped = mapAddress(context.mappings, address);
  if (mapped !== null) return [{ address: mapped, port }];
  return context.assignsAddresses ? [{ address, port }] : [];
}

function isAssigned(
  frontend: Frontend,
  [place]: readonly Place[],
): frontend is Exclude<Frontend, { kind: 'node-port' }> {
  return frontend.kind !== 'node-port' && place?.address === frontend.address;
}

/** The client of a connection, as its socket reports it. */
export interface Client {
  readonly source: string;
  readonly isHostAddress: (address: string) => boolean;
}

/**
 * The endpoints of the route that matches the client; `null`: the client may not connect. A socket does not report the input
 * interface: with a local detector that matches interfaces, pods are treated as any other source.
 */
export function dispatch(
  { frontend, servicePort, node }: Listener,
  { source, isHostAddress }: Client,
): readonly DesiredEndpoint[] | null {
  const route = selectRoute(
    frontend,
    { source, inInterface: null },
    {
      localDetector: node.localDetector,
      isHostAddress: (address) => isLoopback(address) || isHostAddress(address),
    },
  );
  const endpoints = route === null ? [] : endpointsOf(route, servicePort);
  return endpoints.length === 0 ? null : endpoints;
}

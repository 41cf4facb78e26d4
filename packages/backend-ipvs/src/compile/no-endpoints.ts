/**
 * What happens to the packets of a frontend that must not, or not all, reach an endpoint.
 *
 * Reject needs nothing: the kernel answers a connection to a virtual server without a usable real server with
 * ICMP port unreachable. Packets to be dropped silently are dropped before IPVS receives them, by sets: see source-ranges.ts.
 */
import type { Frontend, Route } from '@signalbox/core';

/** What happens when no local endpoint is left under the Local policies. */
export type LocalPolicyFallback =
  /** As every other mode does: packets of clients that may use local endpoints only are dropped. */
  | 'drop'
  /** As kube-proxy's ipvs mode does: the endpoints of the whole cluster; masqueraded, so that replies return. */
  | 'cluster';

/**
 * - `none`: all packets go to the virtual server.
 * - `external`: only packets of this node's pods and of the node itself go there.
 * - `all`: no packet goes there.
 */
export type Dropped = 'none' | 'external' | 'all';

export function droppedSources(frontend: Frontend): Dropped {
  const last = lastRoute(frontend);
  if (isServed(last)) return 'none';
  const isServedToOthers = frontend.routes.some(isServed);
  // S66: an error for external clients only would need a set that kube-proxy does not know, and a packet to an address of the node
  // goes to no other node. Both are dropped.
  if (isServedToOthers) return 'external';
  return last.target === 'reject' ? 'none' : 'all';
}

/** The route of clients that no other route names. */
export function lastRoute(frontend: Frontend): Route {
  const route = frontend.routes.at(-1);
  if (route === undefined) throw new Error(`contract broken: a ${frontend.kind} frontend without routes`);
  return route;
}

export function isServed(route: Route): boolean {
  return route.target === 'cluster' || route.target === 'local';
}

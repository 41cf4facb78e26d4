/**
 * What happens to the packets of a frontend that must not, or not all, reach an endpoint.
 *
 * To reject all packets needs nothing: the kernel answers a connection to a virtual server without a usable real server with
 * ICMP port unreachable. Packets to be dropped silently, and those of external clients alone that are to be rejected, do not reach
 * IPVS, by sets: see source-ranges.ts.
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
 * - `drop-external`: only packets of this node's pods and of the node itself go there; others are dropped.
 * - `reject-external`: the same, but others are rejected.
 * - `drop-all`: no packet goes there.
 */
export type Blocked = 'none' | 'drop-external' | 'reject-external' | 'drop-all';

export function blockedSources(frontend: Frontend): Blocked {
  const last = lastRoute(frontend);
  if (isServed(last)) return 'none';
  const isServedToOthers = frontend.routes.some(isServed);
  // S66: `passthrough` is not possible. The pods of this node need the virtual server, whose address is one of the node, and the
  // kernel sends a packet to an address of the node nowhere else.
  if (isServedToOthers) return last.target === 'reject' ? 'reject-external' : 'drop-external';
  return last.target === 'reject' ? 'none' : 'drop-all';
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

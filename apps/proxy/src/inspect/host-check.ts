/**
 * Pages of the internet can make a browser on the node, or at the end of a port-forward, send requests here under a name that
 * they control (DNS rebinding). Such a request has that name as its Host; an address or the node's own name it cannot have.
 */
import { isIP } from 'node:net';

/** `[::1]:10249`, `localhost:10249`, `node-a` without the port; null if it is neither. */
function hostName(header: string): string | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(header);
  return match === null ? null : (match[1] ?? match[2] ?? null);
}

/** Whether a request with this Host header may be answered. `names`: of this node. */
export function isOwnHost(header: string | undefined, names: readonly string[]): boolean {
  const host = hostName(header ?? '')?.toLowerCase();
  if (host === undefined) return false;
  return host === 'localhost' || isIP(host) !== 0 || names.some((name) => name.toLowerCase() === host);
}

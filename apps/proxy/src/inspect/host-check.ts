/**
 * A web page can make a browser on the node, or at the end of a port-forward, send requests to this address under a name that the
 * author of the page controls (DNS rebinding). The Host of such a request is that name, never an address or the name of the node.
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

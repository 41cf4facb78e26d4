import type { EndpointCount } from '@signalbox/core';

/** `ejected (30 s)`, `unhealthy`; `used` if connections may go to the endpoint. */
export function endpointState(count: EndpointCount | undefined): string {
  if (count?.state === undefined) return 'used';
  return count.ejectedSeconds === undefined ? count.state : `${count.state} (${count.ejectedSeconds} s)`;
}

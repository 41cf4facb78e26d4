/** Frontends without a usable endpoint have no socket: the kernel then refuses connections (TCP reset, ICMP port unreachable). */
import type { Frontend } from '@signalbox/core';

export function isRefusedByKernel({ routes }: Frontend): boolean {
  return routes.every(({ target }) => target === 'reject' || target === 'pass');
}

/** Session affinity is the kernel's persistence: one template per client address and virtual server (S30, S31). */
import type { SessionAffinity } from '@signalbox/core';
import { IP_VS_SVC_F_PERSISTENT } from '../objects/virtual-server.ts';

export interface Persistence {
  readonly flags: number;
  readonly timeoutSeconds: number;
}

const NONE: Persistence = { flags: 0, timeoutSeconds: 0 };

export function persistence(affinity: SessionAffinity | null): Persistence {
  if (affinity === null) return NONE;
  return { flags: IP_VS_SVC_F_PERSISTENT, timeoutSeconds: affinity.timeoutSeconds };
}

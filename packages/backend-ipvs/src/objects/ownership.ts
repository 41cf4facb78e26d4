import type { VirtualServerKey } from './virtual-server.ts';

/** Which virtual servers are owned by Signalbox, as far as it is known. */
export interface Ownership {
  /** Also those that the kernel does not hold yet, or no longer. */
  readonly owned: ReadonlySet<VirtualServerKey>;
  /** Not owned by Signalbox, at an address and port that a Service needs. */
  readonly others: ReadonlySet<VirtualServerKey>;
}

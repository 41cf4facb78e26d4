import type { VirtualServerKey } from './virtual-server.ts';

/** Whose virtual servers are whose, as far as it is known. */
export interface Ownership {
  /** Also those that the kernel does not hold yet, or no longer. */
  readonly owned: ReadonlySet<VirtualServerKey>;
  /** Made by somebody else where some of ours should be. */
  readonly others: ReadonlySet<VirtualServerKey>;
}

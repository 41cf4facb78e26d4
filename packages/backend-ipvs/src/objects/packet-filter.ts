import type { Chain, SharedRule } from '@signalbox/iptables';

/**
 * The packet filter of this mode: owned chains, and the rules in the kernel's hooks that jump to them.
 * It names sets, never Services, so it changes only with the node's configuration.
 */
export interface PacketFilter {
  readonly chains: readonly Chain[];
  readonly jumps: readonly SharedRule[];
  /**
   * Made by kube-proxy's ipvs mode or by earlier versions, and not by this mode: removed in the transaction that installs the
   * rest, unless other rules jump to it.
   */
  readonly obsolete: ObsoleteRules;
}

/**
 * `guards`: while rules of iptables mode translate the addresses of Services, only what drops packets (mangle); else `all`.
 * The rest has to wait until virtual servers and addresses exist.
 */
export type PacketFilterPart = 'guards' | 'all';

/** Chains and jumps that may exist and should not. */
export interface ObsoleteRules {
  readonly chains: readonly { readonly table: Chain['table']; readonly name: string }[];
  readonly jumps: readonly SharedRule[];
}

import type { Chain, SharedRule } from '@signalbox/iptables';

/**
 * The packet filter of this mode: whole chains of ours, and the rules in the kernel's hooks that lead to them.
 * It names sets, never services, so it changes only with the node's configuration.
 */
export interface PacketFilter {
  readonly chains: readonly Chain[];
  readonly jumps: readonly SharedRule[];
  /** Of kube-proxy's ipvs mode, and not of ours: goes when the program is installed, unless others use it. */
  readonly obsolete: ObsoleteRules;
}

/** Chains and jumps that may be there and should not be. */
export interface ObsoleteRules {
  readonly chains: readonly { readonly table: Chain['table']; readonly name: string }[];
  readonly jumps: readonly SharedRule[];
}

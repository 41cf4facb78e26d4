import type { Chain, SharedRule } from '@signalbox/backend-iptables/ruleset';

/**
 * The packet filter of this mode: whole chains of ours, and the rules in the kernel's hooks that lead to them.
 * It names sets, never services, so it changes only with the node's configuration.
 */
export interface Program {
  readonly chains: readonly Chain[];
  readonly jumps: readonly SharedRule[];
}

/** Every chain and jump that any version or configuration of this mode may have left behind. */
export interface ProgramRemains {
  readonly chains: readonly { readonly table: Chain['table']; readonly name: string }[];
  readonly jumps: readonly SharedRule[];
}

/** Removes the rules of iptables mode, in both variants (F87), except for those that another mode uses. */
import type { CleanupResult } from '@signalbox/core';
import { type IptablesDriver, type KeptRules, removeRules, type Removal } from '@signalbox/iptables';
import { BASE_JUMPS } from '../compile/base-chains.ts';
import { MARK_MASQUERADE } from '../compile/names.ts';
import { nftPolicy } from '../diff/plan.ts';
import { OWNERSHIP } from './read-tables.ts';

/** Exists where a kubelet creates the masquerade chains itself (before Kubernetes 1.27). */
const OLD_KUBELET_CHAIN = 'KUBE-MARK-DROP';

const REMOVAL: Removal = {
  own: (listed) => ({
    ...OWNERSHIP,
    isOwnChain: (table, name) =>
      OWNERSHIP.isOwnChain(table, name) &&
      !(name === MARK_MASQUERADE && listed[table].chains.has(OLD_KUBELET_CHAIN)),
  }),
  jumps: BASE_JUMPS,
  chainsPerTransaction: (variant) => (variant === 'nft' ? nftPolicy(0).chainsPerTransaction : Infinity),
};

/** `kept` is in the variant of `driver`. */
export async function cleanupVariants(
  driver: IptablesDriver,
  kept: KeptRules['rules'] | null = null,
): Promise<CleanupResult> {
  const removed = await removeRules(driver, REMOVAL, kept);
  return removed.ok ? { outcome: 'ok', removed: removed.value } : { outcome: 'failed', error: removed.error };
}

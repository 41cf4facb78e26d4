import type { Committed, NftablesDriver, Work } from '../driver/nftables-driver.ts';
import type { SetDeclaration } from '../objects/ruleset.ts';

/** The driver as far as calls of it can go to another process: functions cannot. */
export interface RemoteNftables extends Omit<NftablesDriver, 'commit' | 'observe' | 'readCounters'> {
  commit(work: Work & { readonly generation: number }): Promise<Committed>;
  readCounters(sets: readonly SetDeclaration[]): ReturnType<NftablesDriver['readCounters']>;
  observe(sets: readonly SetDeclaration[]): ReturnType<NftablesDriver['observe']>;
}

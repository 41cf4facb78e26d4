import type { Committed, NftablesDriver, Work } from '../driver/nftables-driver.ts';
import type { SetDeclaration } from '../objects/ruleset.ts';

/** The declarations that the operations need, all of them at once. */
export interface RemoteWork extends Omit<Work, 'sets'> {
  readonly sets: ReadonlyMap<string, SetDeclaration>;
}

/** The driver as far as calls of it can go to another process: functions cannot. */
export interface RemoteNftables extends Omit<
  NftablesDriver,
  'commit' | 'trial' | 'observe' | 'readCounters'
> {
  trial(work: RemoteWork): ReturnType<NftablesDriver['trial']>;
  commit(work: RemoteWork & { readonly generation: number }): Promise<Committed>;
  readCounters(sets: readonly SetDeclaration[]): ReturnType<NftablesDriver['readCounters']>;
  observe(sets: readonly SetDeclaration[]): ReturnType<NftablesDriver['observe']>;
}

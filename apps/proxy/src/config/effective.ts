/** Fields that each mode has in a section of its own, for code that does not ask which mode it is. */
import type { Settings } from './settings.ts';

export interface Effective {
  /** Milliseconds between two syncs without any change. */
  readonly syncPeriod: number;
  /** Milliseconds between the end of a sync and the start of the next. */
  readonly minSyncPeriod: number;
  readonly masqueradeAll: boolean;
  readonly masqueradeBit: number;
}

export function effective({ config, mode }: Pick<Settings, 'config' | 'mode'>): Effective {
  const { periods, masquerade } = mode.configuration;
  const { syncPeriod, minSyncPeriod } = config[periods];
  const { masqueradeAll, masqueradeBit } = config[masquerade];
  return { syncPeriod, minSyncPeriod, masqueradeAll, masqueradeBit };
}

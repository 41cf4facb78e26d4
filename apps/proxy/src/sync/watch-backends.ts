/** Asks backends, once a sync period, whether new ones would program another part of the kernel. */
import { effective } from '../config/effective.ts';
import type { Parts } from '../parts.ts';

export interface BackendWatch {
  stop(): void;
}

/** `replace`: makes new backends of the mode; resolves to why they do not serve. */
export function watchBackends(parts: Parts, replace: () => Promise<string | null>): BackendWatch {
  const { clock } = parts.composition;
  const logger = parts.logging.logger.component('sync');
  const state = { stopped: false, cancel: (): void => undefined, reported: '' };
  const check = async (): Promise<void> => {
    const why = parts.started ? await whyOutdated(parts) : null;
    if (why === null || state.stopped) return;
    const isNew = state.reported !== why;
    if (isNew) logger.info('Programming all rules again', { why });
    const err = await replace();
    if (err !== null && isNew)
      logger.error('Failed to program all rules again; the previous ones stay in place', { err });
    state.reported = err === null ? '' : why;
  };
  const plan = (): void => {
    if (state.stopped) return;
    state.cancel = clock.schedule(effective(parts.current).syncPeriod, () => void check().then(plan, plan));
  };
  plan();
  return {
    stop: () => {
      state.stopped = true;
      state.cancel();
    },
  };
}

async function whyOutdated({ running }: Parts): Promise<string | null> {
  for (const backend of running.backends.values()) {
    const why = await backend.whyOutdated?.();
    if (why !== undefined && why !== null) return why;
  }
  return null;
}

import {
  balancingSupport,
  type Backend,
  type BackendError,
  type Family,
  type SyncResult,
} from '@signalbox/core';

export interface LazyBackendOptions {
  readonly mode: string;
  readonly family: Family;
  /** Tried again at the next sync after an error. */
  readonly create: () => Promise<Backend | BackendError>;
  readonly nothing: SyncResult;
}

/** A backend that comes to life at its first sync. Changes that came before it wait. */
export function lazyBackend(options: LazyBackendOptions): Backend {
  const held: Held = { backend: null, waiting: [] };
  const get = (): Promise<Backend | BackendError> => created(held, options);
  return {
    mode: options.mode,
    family: options.family,
    sync: async (change) => {
      if (change.kind === 'full') held.waiting = [];
      held.waiting.push(change);
      const backend = await get();
      if ('code' in backend) return { ...options.nothing, outcome: 'failed', error: backend };
      let result = options.nothing;
      for (const each of held.waiting.splice(0)) result = await backend.sync(each);
      return result;
    },
    cleanup: async () => {
      const backend = await get();
      return 'code' in backend ? { outcome: 'failed', error: backend } : backend.cleanup();
    },
    observe: async () => {
      const backend = await get();
      return 'code' in backend ? { outcome: 'failed', error: backend } : backend.observe();
    },
    balancing: () => balancingSupport(held.backend),
    // Before the first sync there is nothing to compare: reading creates no backend.
    inspect: async (keys) =>
      (await held.backend?.inspect?.(keys)) ?? { outcome: 'ok', servicePorts: new Map() },
    difference: async () => (await held.backend?.difference?.()) ?? { outcome: 'ok', lines: [] },
    close: async () => {
      await held.backend?.close();
    },
  };
}

interface Held {
  backend: Backend | null;
  waiting: Parameters<Backend['sync']>[0][];
}

async function created(held: Held, { create }: LazyBackendOptions): Promise<Backend | BackendError> {
  if (held.backend !== null) return held.backend;
  const made = await create();
  if ('code' in made) return made;
  held.backend = made;
  return made;
}

/** Sorts the events of a watch that begins with the complete set (`sendInitialEvents`). */
import type { ResourceStore } from './resource-store.ts';
import type { WatchEvent } from './decode-events.ts';

export interface StreamedList {
  readonly complete: boolean;
  take(events: readonly WatchEvent[]): void;
}

export function createStreamedList(store: ResourceStore): StreamedList {
  const incoming = store.replace();
  let complete = false;
  return {
    get complete() {
      return complete;
    },
    take(events) {
      const end = events.findIndex((event) => event.type === 'bookmark' && event.complete);
      const last = events[end];
      if (complete) return store.apply(events);
      const initial = last === undefined ? events : events.slice(0, end);
      // Some servers send what happens meanwhile between the initial events and their end.
      incoming.apply(initial);
      if (last === undefined) return;
      complete = true;
      incoming.finish(last.version);
      store.apply(events.slice(end + 1));
    },
  };
}

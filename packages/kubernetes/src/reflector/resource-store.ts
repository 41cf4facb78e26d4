/** The objects emitted to the handlers, and the version of the server's history up to which they are complete. */
import type { ObjectEvent, Resource, SourceProblem } from '@signalbox/core';

import { createKnownObjects, type Replacement } from './known-objects.ts';
import type { WatchEvent } from './decode-events.ts';

export type Position =
  /** A complete set is needed. `atLeast`: `0`, whatever a server has in its cache; empty: the newest. */
  | { readonly at: 'nowhere'; readonly atLeast: '0' | ''; readonly extent: 'pages' | 'whole' }
  | { readonly at: 'version'; readonly version: string };

export interface ResourceStoreHandlers {
  readonly onEvents: (events: readonly ObjectEvent[]) => void;
  readonly onSynced: (resource: Resource) => void;
  readonly onProblem: (problem: SourceProblem) => void;
}

interface Incoming {
  readonly add: (objects: readonly unknown[]) => void;
  /** Changes of the set while it comes. */
  readonly apply: (events: readonly WatchEvent[]) => void;
  /** The set is complete: what was not in it is deleted. */
  readonly finish: (version: string) => void;
}

export interface ResourceStore {
  readonly size: number;
  readonly position: Position;
  /** Reads a complete set. If it breaks off, the objects received are kept and none is deleted. */
  readonly replace: () => Incoming;
  readonly apply: (events: readonly WatchEvent[]) => void;
  /** The position is no longer valid: the server's history does not reach back to it. */
  readonly lose: (extent: 'pages' | 'whole') => void;
  /** The complete set is empty. */
  readonly nothing: () => void;
}

export function createResourceStore(
  resource: Resource,
  handlers: ResourceStoreHandlers,
  signal: AbortSignal,
): ResourceStore {
  const known = createKnownObjects(resource);
  const { emit, sync } = createEmitter(resource, handlers, signal);
  let position: Position = { at: 'nowhere', atLeast: '0', extent: 'whole' };

  return {
    get size() {
      return known.size;
    },
    get position() {
      return position;
    },
    replace() {
      const replacement = known.replace();
      return {
        add: (objects) => emit(objects.map((object) => replacement.add(object))),
        apply: (events) => emit(events.map((event) => changed(replacement, event))),
        finish(version) {
          emit(replacement.finish());
          position = { at: 'version', version };
          sync();
        },
      };
    },
    apply(events) {
      emit(events.map((event) => (event.type === 'bookmark' ? null : known[event.type](event.object))));
      const last = events.at(-1);
      if (last !== undefined) position = { at: 'version', version: last.version };
    },
    lose(extent) {
      position = { at: 'nowhere', atLeast: '', extent };
    },
    nothing: sync,
  };
}

function changed(set: Replacement, event: WatchEvent): ObjectEvent | null {
  if (event.type === 'bookmark') return null;
  return event.type === 'upsert' ? set.add(event.object) : set.remove(event.object);
}

interface Emitter {
  readonly emit: (events: readonly (ObjectEvent | null)[]) => void;
  readonly sync: () => void;
}

/** After stop the handlers are not called; an exception that they throw is reported, and does not end the reflector. */
function createEmitter(resource: Resource, handlers: ResourceStoreHandlers, signal: AbortSignal): Emitter {
  let synced = false;
  const callHandler = (call: () => void): void => {
    if (signal.aborted) return;
    try {
      call();
    } catch (error) {
      handlers.onProblem({ code: 'handler-failed', message: `${resource}: ${String(error)}` });
    }
  };
  return {
    emit(events) {
      const real = events.filter((event) => event !== null);
      if (real.length > 0) callHandler(() => handlers.onEvents(real));
    },
    sync() {
      if (!synced) callHandler(() => handlers.onSynced(resource));
      synced = true;
    },
  };
}

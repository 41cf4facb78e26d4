/** Handles the events of a source and keeps the objects according to them. */
import type { ObjectEvent, Resource, SourceHandlers, SourceProblem } from '@signalbox/core';

import type { WireObject } from '../wire.ts';
import { createSignal } from '@signalbox/core/testing';

/** The calls of a source to `handlers`, in order. */
export interface SourceRecorder {
  /** Argument of `Source.start`. */
  readonly handlers: SourceHandlers;
  readonly events: readonly ObjectEvent[];
  readonly problems: readonly SourceProblem[];
  readonly synced: readonly Resource[];
  /** `Service x/a` → resourceVersion, of what has been upserted and not deleted since. */
  readonly objects: ReadonlyMap<string, string>;
  /** Resolves as soon as the condition holds; it is checked after every call of the source. */
  readonly until: (condition: () => boolean) => Promise<void>;
}

/** Creates handlers that record the events, problems and synced resources of one source. */
export function createSourceRecorder(): SourceRecorder {
  const events: ObjectEvent[] = [];
  const problems: SourceProblem[] = [];
  const synced: Resource[] = [];
  const objects = new Map<string, string>();
  const { notify, until } = createSignal();

  return {
    events,
    problems,
    synced,
    objects,
    handlers: {
      onEvents(batch) {
        events.push(...batch);
        for (const event of batch) record(objects, event);
        notify();
      },
      onSynced(resource) {
        synced.push(resource);
        notify();
      },
      onProblem(problem) {
        problems.push(problem);
        notify();
      },
    },
    until,
  };
}

function record(objects: Map<string, string>, event: ObjectEvent): void {
  if (event.type === 'delete') {
    objects.delete(`${event.resource} ${event.namespace}/${event.name}`);
    return;
  }
  const { metadata } = event.object as WireObject;
  const key = `${event.resource} ${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
  objects.set(key, metadata?.resourceVersion ?? '');
}

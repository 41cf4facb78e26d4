import type { InputProblem, Resource } from '../input.ts';
import type { IgnoredService } from '../model/service.ts';
import type { ObjectKey } from '../model/service-port-name.ts';

interface Note {
  readonly problems: readonly InputProblem[];
  /** Of a Service that has no model. */
  readonly ignored: IgnoredService | null;
}

/** What decoding left out, for `describeService`. Holds nothing of an object that is complete. */
export interface ObjectNotes {
  /** Replaces the note of the object. */
  note(resource: Resource, key: ObjectKey, note: Note): void;
  forget(resource: Resource, key: ObjectKey): void;
  problems(resource: Resource, key: ObjectKey): readonly InputProblem[];
  ignored(service: ObjectKey): IgnoredService | null;
  ignoredServices(): Iterable<ObjectKey>;
}

const NO_PROBLEMS: readonly InputProblem[] = Object.freeze([]);

export function createObjectNotes(): ObjectNotes {
  const ignored = new Map<ObjectKey, IgnoredService>();
  const problems = new Map<Resource, Map<ObjectKey, readonly InputProblem[]>>();
  const forget = (resource: Resource, key: ObjectKey): void => {
    if (resource === 'Service') ignored.delete(key);
    problems.get(resource)?.delete(key);
  };
  return {
    note(resource, key, note) {
      forget(resource, key);
      if (note.ignored !== null) ignored.set(key, note.ignored);
      if (note.problems.length === 0) return;
      const ofResource = problems.get(resource) ?? new Map<ObjectKey, readonly InputProblem[]>();
      problems.set(resource, ofResource.set(key, note.problems));
    },
    forget,
    problems: (resource, key) => problems.get(resource)?.get(key) ?? NO_PROBLEMS,
    ignored: (service) => ignored.get(service) ?? null,
    ignoredServices: () => ignored.keys(),
  };
}

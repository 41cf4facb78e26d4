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
  /**
   * Replaces the note of the object. Returns the problems that its last version did not have: objects are delivered again for
   * other changes, and after each list.
   */
  note(resource: Resource, key: ObjectKey, note: Note): readonly InputProblem[];
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
      const known = problems.get(resource)?.get(key) ?? NO_PROBLEMS;
      forget(resource, key);
      if (note.ignored !== null) ignored.set(key, note.ignored);
      if (note.problems.length === 0) return NO_PROBLEMS;
      const ofResource = problems.get(resource) ?? new Map<ObjectKey, readonly InputProblem[]>();
      problems.set(resource, ofResource.set(key, note.problems));
      return withoutKnown(note.problems, known);
    },
    forget,
    problems: (resource, key) => problems.get(resource)?.get(key) ?? NO_PROBLEMS,
    ignored: (service) => ignored.get(service) ?? null,
    ignoredServices: () => ignored.keys(),
  };
}

/** By their text: comparing each with each would take seconds for an object with thousands of problems. */
function withoutKnown(
  problems: readonly InputProblem[],
  known: readonly InputProblem[],
): readonly InputProblem[] {
  if (known.length === 0) return problems;
  const texts = new Set(known.map((problem) => JSON.stringify(problem)));
  return problems.filter((problem) => !texts.has(JSON.stringify(problem)));
}

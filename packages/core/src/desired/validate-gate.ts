/** Splits the objects of a change into those that fulfil the contract and those that are rejected. */
import type { ServiceFailure } from '../backend.ts';
import type { BackendError } from '../errors.ts';
import type { Changed, ChangeSet, DesiredChange } from './desired-change.ts';
import { at, each, isFields, mapping, isNot, type Problem } from './validate-values.ts';

interface Keyed {
  readonly key: string;
}

export interface GateOptions {
  /** Of the change set, for messages: `change.servicePorts`. */
  readonly path: string;
  readonly check: (value: unknown) => Problem;
  readonly malformed: (message: string) => BackendError;
}

export interface Gate<T> {
  /** Why the set as a whole is unusable. Stores nothing. */
  checkSet(value: unknown): Problem;
  /** The set without refused objects; the same set where none is or was refused. Only after `checkSet`. */
  pass(set: ChangeSet<T>, kind: DesiredChange['kind']): ChangeSet<T>;
  refused(): Iterable<ServiceFailure>;
}

export function createGate<T extends Keyed>({ path, check, malformed }: GateOptions): Gate<T> {
  /** Objects found valid: they occur again as `before` and `removed`. */
  const accepted = new WeakSet<object>();
  const failures = new Map<string, ServiceFailure>();

  const former = (value: unknown): Problem => {
    const isKnown = isFields(value) && (accepted.has(value) || failures.has(value['key'] as string));
    return isKnown ? null : check(value);
  };
  const admits = (value: T, where: () => string): boolean => {
    const problem = check(value);
    if (problem === null) {
      accepted.add(value);
      failures.delete(value.key);
      return true;
    }
    failures.set(value.key, { key: value.key, error: malformed(`${path}.${where()}${problem}`) });
    return false;
  };
  return {
    checkSet: (value) => checkSet(value, former),
    pass(set, kind) {
      if (kind === 'full') failures.clear();
      const before = new Set(failures.keys());
      const added = set.added.filter((value, index) => admits(value, () => `added[${index}]`));
      const changes = set.changed.map((change, index) =>
        step(
          change,
          before.has(change.before.key),
          admits(change.after, () => `changed[${index}].after`),
        ),
      );
      for (const { key } of set.removed) failures.delete(key);
      if (before.size === 0 && failures.size === 0) return set;
      return together({ added, removed: set.removed.filter(({ key }) => !before.has(key)) }, changes);
    },
    refused: () => failures.values(),
  };
}

interface Step<T> {
  readonly added?: T;
  readonly changed?: Changed<T>;
  readonly removed?: T;
}

/** The change of one object as the backend receives it: rejected objects are unknown to the backend. */
function step<T>(change: Changed<T>, wasRefused: boolean, isAdmitted: boolean): Step<T> {
  if (isAdmitted) return wasRefused ? { added: change.after } : { changed: change };
  return wasRefused ? {} : { removed: change.before };
}

function together<T>(
  { added, removed }: Pick<ChangeSet<T>, 'added' | 'removed'>,
  changes: readonly Step<T>[],
): ChangeSet<T> {
  return {
    added: [...added, ...changes.flatMap((each) => each.added ?? [])],
    changed: changes.flatMap((each) => each.changed ?? []),
    removed: [...removed, ...changes.flatMap((each) => each.removed ?? [])],
  };
}

function checkSet(value: unknown, former: (value: unknown) => Problem): Problem {
  if (!isFields(value)) return mapping(value);
  return (
    at('.added', each(value['added'], checkKeyed)) ??
    at(
      '.changed',
      each(value['changed'], (element) => checkChanged(element, former)),
    ) ??
    at('.removed', each(value['removed'], former))
  );
}

function checkChanged(value: unknown, former: (value: unknown) => Problem): Problem {
  if (!isFields(value)) return mapping(value);
  return at('.before', former(value['before'])) ?? at('.after', checkKeyed(value['after']));
}

const KEY_LENGTH = 800;

/** A refused object is reported by its key: without one the change cannot be read. */
function checkKeyed(value: unknown): Problem {
  if (!isFields(value)) return mapping(value);
  const { key } = value;
  const fits = typeof key === 'string' && key.length <= KEY_LENGTH && !/\p{Cc}/u.test(key);
  return fits ? null : at('.key', isNot(key, 'a key without control characters'));
}

/** Reads fields of an untrusted value and records the first that is invalid. Pure. */
export interface FieldReader {
  readonly path: string;
  /** Absent and empty are the same, as in Go. */
  text(name: string): string;
  flag(name: string): boolean;
  /** Whether it is there, with whatever content. */
  has(name: string): boolean;
  child(name: string): FieldReader;
  list(name: string): readonly FieldReader[];
  texts(name: string): readonly string[];
  /** Records that a field is invalid; the first one is reported. */
  refuse(name: string, reason: string): void;
}

interface Complaint {
  readonly field: string;
  readonly reason: string;
}

export interface FieldRoot {
  readonly reader: FieldReader;
  readonly first: Complaint | null;
}

export function readFields(value: unknown): FieldRoot {
  let first: Complaint | null = null;
  const complain = (field: string, reason: string): void => {
    first ??= { field, reason };
  };
  return {
    reader: createReader(value, '', complain),
    get first() {
      return first;
    },
  };
}

type Complain = (field: string, reason: string) => void;

function createReader(value: unknown, path: string, complain: Complain): FieldReader {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const refuse = (name: string, reason: string): void => complain(name === '' ? path : at(name), reason);
  const record = asRecord(value);
  if (record === null) refuse('', `must be a mapping, is ${describe(value)}`);
  const get = (name: string): unknown => record?.[name] ?? undefined;
  const items = (name: string): readonly unknown[] => {
    const found = get(name);
    if (found === undefined || Array.isArray(found)) return found ?? [];
    refuse(name, `must be a list, is ${describe(found)}`);
    return [];
  };

  return {
    path,
    refuse,
    text(name) {
      const found = get(name) ?? '';
      if (typeof found === 'string') return found;
      refuse(name, `must be a string, is ${describe(found)}`);
      return '';
    },
    flag(name) {
      const found = get(name) ?? false;
      if (typeof found !== 'boolean') refuse(name, `must be true or false, is ${describe(found)}`);
      return found === true;
    },
    has: (name) => get(name) !== undefined,
    child: (name) => createReader(get(name) ?? {}, at(name), complain),
    list: (name) => items(name).map((item, i) => createReader(item, `${at(name)}[${i}]`, complain)),
    texts: (name) =>
      items(name).map((item, i) => {
        if (typeof item !== 'string') refuse(`${name}[${i}]`, `must be a string, is ${describe(item)}`);
        return String(item);
      }),
  };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | null {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isRecord ? (value as Readonly<Record<string, unknown>>) : null;
}

/** Never the content itself: it may be a secret. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return `a ${typeof value}`;
}

/** The fields of the table one after another, and access by path. */
import { isField, type Field, type Section } from './field.ts';
import { kindOf, type FieldValue, type KindName } from './kinds.ts';
import { SCHEMA } from './schema.ts';
import type { FieldPath, KubeProxyConfiguration, SyncSection } from './types.ts';

export interface FieldAt extends Omit<Field, 'kind' | 'initial' | 'withoutFile' | 'check'> {
  readonly path: FieldPath;
  readonly kind: KindName;
  readonly initial: FieldValue;
  readonly withoutFile: FieldValue;
  readonly problems: (value: FieldValue) => readonly string[];
}

/** In the order of the table. */
export const FIELDS: readonly FieldAt[] = fieldsOf(SCHEMA, '');

function fieldsOf(section: Section, prefix: string): readonly FieldAt[] {
  return Object.entries(section).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    return isField(member) ? fieldAtPath(member, path as FieldPath) : fieldsOf(member, `${path}.`);
  });
}

function fieldAtPath(field: Field, path: FieldPath): FieldAt {
  const { kind, check, initial = kindOf(kind).initial, withoutFile = initial } = field;
  // A field's check takes values of its own kind, and gets no other.
  const problems = (value: FieldValue): readonly string[] => check?.(value as never) ?? [];
  return { ...field, path, initial, withoutFile, problems };
}

const BY_PATH: ReadonlyMap<string, FieldAt> = new Map(FIELDS.map((field) => [field.path, field]));

export function fieldAt(path: string): FieldAt | undefined {
  return BY_PATH.get(path);
}

/** Whether fields lie below this path: `iptables`, `logging.options`. */
export function isSection(path: string): boolean {
  return FIELDS.some((field) => field.path.startsWith(`${path}.`));
}

/** Each section with periods of syncs. */
export const SYNC_SECTIONS: readonly SyncSection[] = Object.entries(SCHEMA).flatMap(([name, section]) =>
  'minSyncPeriod' in section ? [name as SyncSection] : [],
);

type Tree = Record<string, unknown>;

export function getField(config: KubeProxyConfiguration, path: FieldPath): FieldValue {
  let at: unknown = config;
  for (const name of path.split('.')) at = (at as Tree)[name];
  return at as FieldValue;
}

/** Writes one field in place; sections on the way are made. The caller has checked the kind. */
export function setField(tree: object, path: FieldPath, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let at = tree as Tree;
  for (const name of names) at = (at[name] ??= {}) as Tree;
  at[last] = value;
}

/** A configuration in which nothing is set. */
export function initialConfiguration(source: 'file' | 'flags'): KubeProxyConfiguration {
  const config = {};
  for (const { path, initial, withoutFile } of FIELDS)
    setField(config, path, structuredClone(source === 'file' ? initial : withoutFile));
  return config as KubeProxyConfiguration;
}

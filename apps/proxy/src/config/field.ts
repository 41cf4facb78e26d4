/** What the table of the configuration (schema.ts) defines of a field. */
import type { KindName, ValueOf } from './kinds.ts';

/** In the order of `--help`. */
export type FlagGroup =
  | 'General'
  | 'Kubernetes API'
  | 'Node'
  | 'Proxy mode'
  | 'iptables mode'
  | 'ipvs mode'
  | 'userspace mode'
  | 'kernelspace mode (Windows)'
  | 'Traffic detection'
  | 'Connection tracking'
  | 'Health and metrics'
  | 'Logging';

interface FieldOf<Name extends KindName> {
  readonly kind: Name;
  /** When the file leaves the field out; absent: what is empty of its kind. defaults.ts completes what depends on other fields. */
  readonly initial?: ValueOf<Name>;
  /** Instead of `initial` where there is no file. */
  readonly withoutFile?: ValueOf<Name>;
  /** Zero or empty in a file means the default, not nothing: kubeadm writes every field, most of them so. */
  readonly zeroIsUnset?: true;
  /** /configz and --write-config-to leave it out where it is empty, as the API type does. */
  readonly omitEmpty?: true;
  /** A running proxy applies a change; a change of any other field needs a new process. */
  readonly live?: true;
  /** What is wrong with a value. */
  readonly check?: (value: ValueOf<Name>) => readonly string[];
  /** The flag that sets it: without hyphens, with the group that it has in `--help`, and its help. */
  readonly flag?: string;
  readonly group?: FlagGroup;
  readonly help?: string;
  /** The flag counts even with `--config`, where flags of fields are otherwise ignored. */
  readonly winsOverFile?: true;
  /** The default that help shows, where the mode decides. */
  readonly flagInitial?: string;
}

export type Field = { readonly [Name in KindName]: FieldOf<Name> }[KindName];

export interface Section {
  readonly [name: string]: Field | Section;
}

/** A section of the table, with what its fields have in common. */
export function section<const Table extends Section>(
  common: Pick<Field, 'group' | 'live' | 'winsOverFile'>,
  members: Table,
): Table {
  const complete = (member: Field | Section): Field | Section =>
    isField(member) ? { ...common, ...member } : section(common, member);
  return Object.fromEntries(
    Object.entries(members).map(([name, member]) => [name, complete(member)]),
  ) as typeof members;
}

export function isField(member: Field | Section): member is Field {
  return typeof member.kind === 'string';
}

/** The type of a configuration, as the table defines it. */
export type ConfigurationOf<Table> = {
  -readonly [Name in keyof Table]: Table[Name] extends { readonly kind: infer Kind extends KindName }
    ? ValueOf<Kind>
    : ConfigurationOf<Table[Name]>;
};

/** `iptables.masqueradeBit` */
export type PathsOf<Table> = {
  [Name in keyof Table & string]: Table[Name] extends { readonly kind: KindName }
    ? Name
    : `${Name}.${PathsOf<Table[Name]>}`;
}[keyof Table & string];

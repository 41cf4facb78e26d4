/** What is wrong with a configuration, in the words of where it comes from: a flag as it was typed, or a line of the file. */
import { fieldAt, getField } from './fields.ts';
import { kindOf } from './kinds.ts';
import type { FieldPath, KubeProxyConfiguration } from './types.ts';

/** What is wrong with a field; a function, where the reason mentions other fields. */
export type Reason = string | ((nameOf: (path: FieldPath) => string) => string);
export type Report = (path: FieldPath, reason: Reason) => void;

export interface FileOrigin {
  readonly path: string;
  /** From 1; of a field that is not there, the line of the deepest part of its path that is. */
  readonly lineOf: (field: string) => number;
  /** Paths of the fields in it. */
  readonly set: ReadonlySet<string>;
}

/** Where the values of a configuration come from. */
export interface Origin {
  readonly config: KubeProxyConfiguration;
  /** `null`: flags only. */
  readonly file: FileOrigin | null;
  /** Flags that set fields, as they were typed. */
  readonly flags: ReadonlyMap<FieldPath, string>;
}

export function describeProblem(origin: Origin, path: FieldPath, reason: Reason): string {
  const { config, file, flags } = origin;
  const nameOf = (other: FieldPath): string => nameIn(origin, other);
  const text = typeof reason === 'string' ? reason : reason(nameOf);
  const kind = kindOf(fieldAt(path)?.kind ?? 'string');
  const value = getField(config, path);
  const flag = flags.get(path);
  if (flag !== undefined) return invalidArgument(flag, kind.format(value), text);
  if (file?.set.has(path))
    return invalidField(file, { field: path, value: kind.encode?.(value) ?? value, reason: text });
  // It is there because of its absence: no value can be quoted, and no line.
  const where = file === null ? '' : `${file.path}: KubeProxyConfiguration.`;
  return `${where}${nameOf(path)}: ${text}`;
}

/** The name of a field as users write it. */
function nameIn({ file, flags }: Origin, path: FieldPath): string {
  const flag = fieldAt(path)?.flag;
  return flags.get(path) ?? (file !== null || flag === undefined ? path : `--${flag}`);
}

interface InvalidField {
  readonly field: string;
  readonly value: unknown;
  readonly reason: string;
}

/** As kube-proxy words it, with file and line in front. */
export function invalidField({ path, lineOf }: FileOrigin, { field, value, reason }: InvalidField): string {
  const where = `${path}: line ${lineOf(field)}`;
  return `${where}: KubeProxyConfiguration.${field}: Invalid value: ${render(value)}: ${reason}`;
}

/** As pflag words it. */
export function invalidArgument(flag: string, text: string, reason: string): string {
  return `invalid argument ${JSON.stringify(text)} for "${flag}" flag: ${reason}`;
}

/** A value on one line, for an error message: strings quoted, the rest as JSON, long ones cut. */
export function render(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/** The message of an exception, on one line. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ');
}

import { fieldAt, initialConfiguration, isSection, setField, type FieldAt } from './fields.ts';
import { isObject, kindOf } from './kinds.ts';
import { parseDocument } from './parse-document.ts';
import { invalidField, render, type FileOrigin } from './problem.ts';
import type { KubeProxyConfiguration } from './types.ts';

export const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1';
export const KIND = 'KubeProxyConfiguration';

export interface DecodedFile extends FileOrigin {
  readonly config: KubeProxyConfiguration;
  /** Unknown and repeated fields, one line each: what a strict reading rejects and a lenient one ignores. */
  readonly strictProblems: readonly string[];
  /** Values of the wrong kind, or no such object at all, one line each: the file cannot be used. */
  readonly errors: readonly string[];
}

interface Context extends DecodedFile {
  readonly strictProblems: string[];
  readonly errors: string[];
  readonly set: Set<string>;
}

/** Reads a configuration file's text, YAML or JSON: what only a strict reading rejects is reported, and the rest counts. */
export function decodeConfiguration(path: string, text: string): DecodedFile {
  const parsed = parseDocument(text);
  const context: Context = {
    path,
    lineOf: (field) => (parsed.ok ? parsed.value.document.line(field) : 1),
    config: initialConfiguration('file'),
    strictProblems: parsed.ok ? parsed.value.strictProblems.map((problem) => `${path}: ${problem}`) : [],
    errors: [],
    set: new Set(),
  };
  const document = parsed.ok ? parsed.value.document.value : null;
  if (!parsed.ok) context.errors.push(`${path}: ${KIND}: ${parsed.error}`);
  else if (!isObject(document))
    context.errors.push(`${path}: ${KIND}: the file has ${render(document)}, not an object`);
  else if (isOfType(document, context)) decodeSection(document, '', context);
  return context;
}

function isOfType(document: Record<string, unknown>, context: Context): boolean {
  for (const [name, required] of [
    ['kind', KIND],
    ['apiVersion', API_VERSION],
  ] as const) {
    if (document[name] === required) continue;
    if (document[name] === undefined) context.errors.push(`${context.path}: ${name}: required: ${required}`);
    else refuse(name, document[name], { context, reason: `must be ${required}` });
  }
  return context.errors.length === 0;
}

function decodeSection(section: Record<string, unknown>, prefix: string, context: Context): void {
  for (const [name, raw] of Object.entries(section)) {
    const path = `${prefix}${name}`;
    if (path !== 'kind' && path !== 'apiVersion') decodeMember(path, raw, context);
  }
}

function decodeMember(path: string, raw: unknown, context: Context): void {
  const field = fieldAt(path);
  if (field === undefined && !isSection(path)) return reportUnknown(path, context);
  // An empty value (`iptables:` or `maxPerCore: null`) is the same as none, as in every Kubernetes object.
  if (raw === null || raw === undefined) return;
  if (field !== undefined) return decodeField(field, raw, context);
  if (isObject(raw)) return decodeSection(raw, `${path}.`, context);
  refuse(path, raw, { context, reason: 'must be an object' });
}

function decodeField(field: FieldAt, raw: unknown, context: Context): void {
  const { path, kind, zeroIsUnset } = field;
  const decoded = kindOf(kind).decode(raw);
  if (!decoded.ok) return refuse(path, raw, { context, reason: decoded.error });
  if (zeroIsUnset && (decoded.value === 0 || decoded.value === '')) return;
  for (const member of unknownMembers(field, raw)) reportUnknown(`${path}${member}`, context);
  setField(context.config, path, decoded.value);
  context.set.add(path);
}

const VMODULE_MEMBERS: readonly string[] = ['filePattern', 'verbosity'];

/** Members of a field's value that mean nothing, as `[0].level`; of a value that could be decoded. */
function unknownMembers({ kind }: FieldAt, raw: unknown): readonly string[] {
  if (kind !== 'vmodule' || !Array.isArray(raw)) return [];
  return raw.flatMap((item: unknown, index) =>
    Object.keys(isObject(item) ? item : {})
      .filter((name) => !VMODULE_MEMBERS.includes(name))
      .map((name) => `[${index}].${name}`),
  );
}

function reportUnknown(field: string, { path, lineOf, strictProblems }: Context): void {
  strictProblems.push(`${path}: unknown field "${field}" (line ${lineOf(field)})`);
}

interface Refusal {
  readonly context: Context;
  readonly reason: string;
}

function refuse(field: string, value: unknown, { context, reason }: Refusal): void {
  context.errors.push(invalidField(context, { field, value, reason }));
}

import { decodeValue, isObject, unknownMembers } from './decode-value.ts';
import { fieldAt, initialConfiguration, isSection, setField } from './fields.ts';
import { parseDocument } from './parse-document.ts';
import { invalidValue, render } from './render.ts';
import type { KubeProxyConfiguration } from './types.ts';

export const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1';
export const KIND = 'KubeProxyConfiguration';

export interface DecodedFile {
  readonly config: KubeProxyConfiguration;
  /** Unknown and repeated fields: what a strict reading refuses and a lenient one passes over. */
  readonly strictProblems: readonly string[];
  /** Values of the wrong kind, or no such object at all: nothing can be made of the file. */
  readonly errors: readonly string[];
  /** Paths that the file sets. */
  readonly set: ReadonlySet<string>;
}

interface Context {
  readonly config: KubeProxyConfiguration;
  readonly strictProblems: string[];
  readonly errors: string[];
  readonly set: Set<string>;
}

/** Reads a configuration file's text, YAML or JSON: strictly, and where only strictness is offended, leniently. */
export function decodeConfiguration(text: string): DecodedFile {
  const context: Context = {
    config: initialConfiguration(),
    strictProblems: [],
    errors: [],
    set: new Set(),
  };
  const parsed = parseDocument(text);
  if (!parsed.ok) {
    context.errors.push(`${KIND}: ${parsed.reason}`);
    return context;
  }
  const { document, strictProblems } = parsed;
  context.strictProblems.push(...strictProblems);
  if (!isObject(document)) {
    context.errors.push(`${KIND}: the file holds ${render(document)}, not an object`);
    return context;
  }
  checkType(document, context);
  if (context.errors.length === 0) decodeSection(document, '', context);
  return context;
}

function checkType(document: Record<string, unknown>, { errors }: Context): void {
  if (document['kind'] !== KIND) errors.push(invalidValue('kind', document['kind'] ?? '', `must be ${KIND}`));
  if (document['apiVersion'] !== API_VERSION) {
    errors.push(invalidValue('apiVersion', document['apiVersion'] ?? '', `must be ${API_VERSION}`));
  }
}

function decodeSection(section: Record<string, unknown>, prefix: string, context: Context): void {
  for (const [name, raw] of Object.entries(section)) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    if (path !== 'kind' && path !== 'apiVersion') decodeMember(path, raw, context);
  }
}

function decodeMember(path: string, raw: unknown, context: Context): void {
  const field = fieldAt(path);
  if (field === undefined && !isSection(path)) {
    context.strictProblems.push(`unknown field "${path}"`);
    return;
  }
  // An empty value (`iptables:` or `maxPerCore: null`) is the same as none, as in every Kubernetes object.
  if (raw === null || raw === undefined) return;
  if (field !== undefined) return decodeField(path, raw, context);
  if (isObject(raw)) return decodeSection(raw, path, context);
  context.errors.push(invalidValue(path, raw, 'must be an object'));
}

function decodeField(path: string, raw: unknown, context: Context): void {
  const field = fieldAt(path);
  if (field === undefined) return;
  const decoded = decodeValue(field.kind, raw);
  if (!decoded.ok) {
    context.errors.push(invalidValue(path, raw, decoded.reason));
    return;
  }
  if (field.zeroIsUnset && (decoded.value === 0 || decoded.value === '')) return;
  context.strictProblems.push(
    ...unknownMembers(field.kind, raw).map((member) => `unknown field "${path}${member}"`),
  );
  setField(context.config, path, decoded.value);
  context.set.add(path);
}

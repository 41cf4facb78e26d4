/** Text of one manifest file → the objects in it and the problems of single documents. Pure. */
import type { SourceProblem } from '@signalbox/core';

import { checkObject } from './check-object.ts';
import { isExcluded, lookUpKind } from './kinds.ts';
import type { ManifestObject } from './manifest-object.ts';
import { isRecord, show } from './values.ts';
import { MAX_DEPTH, readYaml, type YamlDocument } from './yaml-documents.ts';

/** The objects of one manifest in document order, and the problems of its documents. */
export interface ParsedManifest {
  readonly objects: readonly ManifestObject[];
  readonly problems: readonly SourceProblem[];
  /** False if a document is not YAML: what is in it is not known. */
  readonly complete: boolean;
}

/** A Service with many ports has a few hundred values, a full EndpointSlice some ten thousand. */
const MAX_VALUES = 1_000_000;

/**
 * Reads YAML or JSON documents, and the items of lists (`kind: List`, `ServiceList`). `file` names the file in messages. A document that
 * is not YAML is problem `bad-yaml`; one without kind, apiVersion or name, or that is too large, is `bad-document`.
 */
export function parseManifest(file: string, text: string): ParsedManifest {
  const { documents, errors } = readYaml(file, text);
  const out: Output = { file, objects: [], problems: [] };
  for (const error of errors) {
    const message = `${file}: ${error}; the objects that the document defined before stay in use`;
    out.problems.push({ code: 'bad-yaml', message });
  }
  for (const document of documents) {
    // `---` with nothing but comments below it is a document of value null.
    if (document.value === null || document.value === undefined) continue;
    const at: Place = { document, path: '' };
    const excess = tooLarge(document.value);
    if (excess === undefined) readValue(out, document.value, at);
    else refuse(out, at, { field: '', reason: excess });
  }
  return { objects: out.objects, problems: out.problems, complete: errors.length === 0 };
}

interface Output {
  readonly file: string;
  readonly objects: ManifestObject[];
  readonly problems: SourceProblem[];
}

interface Place {
  readonly document: YamlDocument;
  /** Empty, or where in a list the object is: `items[3]`. */
  readonly path: string;
}

interface Reason {
  /** Empty: the object as a whole. */
  readonly field: string;
  readonly reason: string;
}

function whereIs(file: string, { document, path }: Place, field = ''): string {
  const line = document.line(path === '' || field === '' ? `${path}${field}` : `${path}.${field}`);
  const item = path === '' ? '' : `, ${path}`;
  return `${file}: document ${document.number} (line ${line})${item}`;
}

function refuse(out: Output, at: Place, { field, reason }: Reason): void {
  const where = whereIs(out.file, at, field);
  const message = `${where}: ${field === '' ? 'document' : field}: ${reason}; document ignored`;
  out.problems.push({ code: 'bad-document', message });
}

function readValue(out: Output, value: unknown, at: Place): void {
  if (!isRecord(value)) return refuse(out, at, { field: '', reason: mustBe('a mapping', value) });
  const { kind, apiVersion, items } = value;
  if (!isName(kind)) return refuse(out, at, { field: 'kind', reason: mustBe('a string', kind) });
  if (!isName(apiVersion)) {
    return refuse(out, at, { field: 'apiVersion', reason: mustBe('a string', apiVersion) });
  }
  if (!kind.endsWith('List') || !Array.isArray(items))
    return readObject(out, { ...value, kind, apiVersion }, at);
  for (const [index, item] of items.entries()) {
    const path = `${at.path === '' ? '' : `${at.path}.`}items[${index}]`;
    readValue(out, typed(item, kind, apiVersion), { ...at, path });
  }
}

/** Items of a typed list (`ServiceList`) may leave kind and apiVersion to the list. */
function typed(item: unknown, listKind: string, apiVersion: string): unknown {
  if (listKind === 'List' || !isRecord(item)) return item;
  return { kind: listKind.slice(0, -'List'.length), apiVersion, ...item };
}

type Typed = Record<string, unknown> & { readonly kind: string; readonly apiVersion: string };

function readObject(out: Output, value: Typed, at: Place): void {
  const lookup = lookUpKind(value.apiVersion, value.kind);
  const where = whereIs(out.file, at);
  if (lookup.found === 'nothing') {
    const message = `${where}: ${value.apiVersion} ${value.kind}: not a kind that a service proxy reads; ignored`;
    out.problems.push({ code: 'ignored-kind', message });
    return;
  }
  if (lookup.found === 'version') {
    const reason = `must be ${lookup.supported}, not ${show(value.apiVersion)}`;
    return refuse(out, at, { field: 'apiVersion', reason });
  }
  const { resource, namespaced } = lookup.kind;
  const identity = readIdentity(value['metadata'], namespaced);
  if ('reason' in identity) return refuse(out, at, identity);
  const { namespace, name, metadata } = identity;
  const served = !isExcluded(resource, metadata['labels']);
  const object = namespaced ? { ...value, metadata: { ...metadata, namespace } } : value;
  out.objects.push({ resource, namespace, name, object, text: JSON.stringify(object), where, served });
  for (const { code, field, reason } of served ? checkObject(resource, value) : []) {
    const message = `${whereIs(out.file, at, field)}: ${resource} ${namespaced ? `${namespace}/` : ''}${name}: ${field}: ${reason}`;
    out.problems.push({ code, message });
  }
}

interface ManifestIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

function readIdentity(metadata: unknown, namespaced: boolean): ManifestIdentity | Reason {
  if (!isRecord(metadata)) return { field: 'metadata', reason: mustBe('a mapping', metadata) };
  const { name } = metadata;
  if (!isName(name)) return { field: 'metadata.name', reason: mustBe('a string', name) };
  const namespace = namespaced ? (metadata['namespace'] ?? 'default') : '';
  if (typeof namespace !== 'string' || (namespaced && namespace === '')) {
    return { field: 'metadata.namespace', reason: mustBe('a string', namespace) };
  }
  return { namespace, name, metadata };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function mustBe(what: string, value: unknown): string {
  const absent = value === undefined || value === null || value === '';
  return absent ? 'required' : `must be ${what}, not ${show(value)}`;
}

/** YAML aliases can expand a small text to an unlimited tree; such a document must not end the process. */
function tooLarge(root: unknown): string | undefined {
  let values = 0;
  const fits = (value: unknown, depth: number): boolean => {
    values++;
    if (values > MAX_VALUES || depth > MAX_DEPTH) return false;
    if (typeof value !== 'object' || value === null) return true;
    return Object.values(value).every((child) => fits(child, depth + 1));
  };
  return fits(root, 0) ? undefined : `more than ${MAX_VALUES} values, or deeper than ${MAX_DEPTH} levels`;
}

/** Text of one manifest file → the objects in it and the problems of single documents. Pure. */
import type { Resource, SourceProblem } from '@signalbox/core';
import {
  constructFromEvents,
  CORE_SCHEMA,
  EVENT_ID,
  mergeTag,
  parseEvents,
  YAMLException,
  type Event,
} from 'js-yaml';

import { isForeign, lookUpKind } from './kinds.ts';

export interface ManifestObject {
  readonly resource: Resource;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
  readonly object: unknown;
  /** The object as JSON: two texts are equal only if the objects are. */
  readonly text: string;
  /** `services.yaml: document 2 (line 14)`. */
  readonly where: string;
}

export interface ParsedManifest {
  readonly objects: readonly ManifestObject[];
  readonly problems: readonly SourceProblem[];
}

export type ParseResult =
  | { readonly ok: true; readonly manifest: ParsedManifest }
  /** The file as a whole is not YAML. */
  | { readonly ok: false; readonly problem: SourceProblem };

/** A Service with many ports has a few hundred values, a full EndpointSlice some ten thousand. */
const MAX_VALUES = 1_000_000;
const MAX_DEPTH = 100;

const SCHEMA = CORE_SCHEMA.withTags(mergeTag);

export function parseManifest(file: string, text: string): ParseResult {
  try {
    const events = parseEvents(text, { filename: file, maxDepth: MAX_DEPTH });
    const documents = constructFromEvents(events, { source: text, filename: file, schema: SCHEMA });
    return { ok: true, manifest: readDocuments(file, documents, documentLines(events, text)) };
  } catch (error) {
    return { ok: false, problem: { code: 'bad-yaml', message: describe(file, error) } };
  }
}

function describe(file: string, error: unknown): string {
  const kept = 'the file is left out of account until it is mended';
  if (!(error instanceof YAMLException)) return `${file}: not YAML: ${String(error)}; ${kept}`;
  const line =
    error.mark === undefined ? '' : ` line ${error.mark.line + 1}, column ${error.mark.column + 1}:`;
  return `${file}:${line} not YAML: ${error.reason}; ${kept}`;
}

/** The line (from 1) on which the content of each document starts. */
function documentLines(events: readonly Event[], text: string): number[] {
  const starts: number[] = [];
  for (const [i, event] of events.entries()) {
    if (event.type === EVENT_ID.DOCUMENT) starts.push(contentStart(events[i + 1]) ?? starts.at(-1) ?? 0);
  }
  const lines: number[] = [];
  let line = 1;
  let at = 0;
  for (const start of starts) {
    for (; at < start; at++) if (text.charCodeAt(at) === 10) line++;
    lines.push(line);
  }
  return lines;
}

function contentStart(event: Event | undefined): number | undefined {
  if (event?.type === EVENT_ID.MAPPING || event?.type === EVENT_ID.SEQUENCE) return event.start;
  return event?.type === EVENT_ID.SCALAR ? Math.max(0, event.valueStart) : undefined;
}

function readDocuments(
  file: string,
  documents: readonly unknown[],
  lines: readonly number[],
): ParsedManifest {
  const out: Output = { objects: [], problems: [] };
  for (const [i, document] of documents.entries()) {
    // `---` with nothing but comments below it is a document of value null.
    if (document === null || document === undefined) continue;
    const where = `${file}: document ${i + 1} (line ${lines[i] ?? 1})`;
    const excess = tooLarge(document);
    if (excess === undefined) readValue(out, document, where);
    else refuse(out, where, `document: ${excess}`);
  }
  return out;
}

interface Output {
  readonly objects: ManifestObject[];
  readonly problems: SourceProblem[];
}

function refuse(out: Output, where: string, reason: string): void {
  out.problems.push({ code: 'bad-document', message: `${where}: ${reason}; skipped` });
}

function readValue(out: Output, value: unknown, where: string): void {
  if (!isRecord(value)) return refuse(out, where, `document: a mapping is wanted, not ${show(value)}`);
  const { kind, apiVersion, items } = value;
  if (typeof kind !== 'string' || kind === '') {
    return refuse(out, where, `kind: a name is wanted, not ${show(kind)}`);
  }
  if (typeof apiVersion !== 'string' || apiVersion === '') {
    return refuse(out, where, `apiVersion: a version is wanted, not ${show(apiVersion)}`);
  }
  if (!kind.endsWith('List') || !Array.isArray(items))
    return readObject(out, { ...value, kind, apiVersion }, where);
  for (const [i, item] of items.entries()) {
    readValue(out, typed(item, kind, apiVersion), `${where}, items[${i}]`);
  }
}

/** Items of a typed list (`ServiceList`) may leave kind and apiVersion to the list. */
function typed(item: unknown, listKind: string, apiVersion: string): unknown {
  if (listKind === 'List' || !isRecord(item)) return item;
  return { kind: listKind.slice(0, -'List'.length), apiVersion, ...item };
}

type Typed = Record<string, unknown> & { readonly kind: string; readonly apiVersion: string };

function readObject(out: Output, value: Typed, where: string): void {
  const lookup = lookUpKind(value.apiVersion, value.kind);
  if (lookup.found === 'nothing') {
    const message = `${where}: ${value.apiVersion} ${value.kind}: not a kind that a service proxy reads; ignored`;
    out.problems.push({ code: 'ignored-kind', message });
    return;
  }
  if (lookup.found === 'version') {
    return refuse(out, where, `apiVersion: ${lookup.supported} is wanted, not ${show(value.apiVersion)}`);
  }
  const { resource, namespaced } = lookup.kind;
  const metadata = value['metadata'];
  if (!isRecord(metadata)) return refuse(out, where, `metadata: a mapping is wanted, not ${show(metadata)}`);
  const { name } = metadata;
  if (!isName(name)) return refuse(out, where, `metadata.name: a string is wanted, not ${show(name)}`);
  const namespace = namespaced ? (metadata['namespace'] ?? 'default') : '';
  if (typeof namespace !== 'string' || (namespaced && namespace === '')) {
    return refuse(out, where, `metadata.namespace: a string is wanted, not ${show(namespace)}`);
  }
  if (isForeign(resource, metadata['labels'])) return;
  const object = namespaced ? { ...value, metadata: { ...metadata, namespace } } : value;
  out.objects.push({ resource, namespace, name, object, text: JSON.stringify(object), where });
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** YAML aliases can make a small text into a tree that never ends; such a document must not take the process down. */
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

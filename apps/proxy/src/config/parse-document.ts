/**
 * The text of a configuration file as one plain value. YAML is read as kube-proxy's library reads it: version 1.1
 * (`yes` is true, `010` is eight, `<<` merges), and of several documents the first.
 */
import {
  boolYaml11Tag,
  CORE_SCHEMA,
  floatYaml11Tag,
  intYaml11Tag,
  loadAll,
  mergeTag,
  nullYaml11Tag,
  YAMLException,
} from 'js-yaml';
import { messageOf } from './render.ts';

/** Without the tags that give anything but what JSON has: times and bytes stay text. */
const SCHEMA = CORE_SCHEMA.withTags(nullYaml11Tag, boolYaml11Tag, intYaml11Tag, floatYaml11Tag, mergeTag);

export type ParsedDocument =
  | { readonly ok: true; readonly document: unknown; readonly strictProblems: readonly string[] }
  /** One line. */
  | { readonly ok: false; readonly reason: string };

export function parseDocument(text: string): ParsedDocument {
  try {
    return documentOf(loadAll(text, { schema: SCHEMA }), []);
  } catch (error) {
    if (!(error instanceof YAMLException) || !error.reason.includes('duplicate')) return notYaml(error);
    return parseLeniently(text, [describeDuplicate(error)]);
  }
}

/** Of a repeated field the last one counts. */
function parseLeniently(text: string, strictProblems: readonly string[]): ParsedDocument {
  try {
    return documentOf(loadAll(text, { schema: SCHEMA, json: true }), strictProblems);
  } catch (error) {
    return notYaml(error);
  }
}

function documentOf(documents: readonly unknown[], found: readonly string[]): ParsedDocument {
  const [document = null, ...more] = documents;
  if (document === null) return { ok: false, reason: 'the file is empty' };
  const ignored = more.some((other) => other !== null);
  const strictProblems = ignored ? [...found, 'more than one document, the first counts'] : found;
  return { ok: true, document, strictProblems };
}

/** Without the excerpt that the parser adds below; line and column are in the first line. */
function notYaml(error: unknown): ParsedDocument {
  const headline = error instanceof Error ? error.message.split('\n')[0] : undefined;
  return { ok: false, reason: `not YAML: ${headline ?? messageOf(error)}` };
}

function describeDuplicate({ mark, reason }: YAMLException): string {
  if (mark === undefined) return reason;
  return `duplicate field "${pathAt(mark.buffer, mark)}" (line ${mark.line + 1})`;
}

const KEY = /^(\s*)["']?([\w.-]+)["']?\s*:/;

/** `iptables.syncPeriod`, by indentation: the parser says where a key stands, not in what. */
function pathAt(text: string, { line, column }: { readonly line: number; readonly column: number }): string {
  const lines = text.split(/\r?\n/);
  const names = [/^["']?([\w.-]+)/.exec((lines[line] ?? '').slice(column))?.[1] ?? '?'];
  let indent = column;
  for (const above of lines.slice(0, line).reverse()) {
    const [, space = '', name] = KEY.exec(above) ?? [];
    if (name === undefined || space.length >= indent) continue;
    names.unshift(name);
    indent = space.length;
  }
  return names.join('.');
}

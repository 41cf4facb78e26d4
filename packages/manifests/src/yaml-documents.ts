/** Text of one file → its YAML documents. One that is not YAML affects only itself. Pure. */
import {
  constructFromEvents,
  CORE_SCHEMA,
  EVENT_ID,
  mergeTag,
  parseEvents,
  YAMLException,
  type Event,
  type Schema,
} from 'js-yaml';

import { fieldOffset, repeatedFields } from './field-offset.ts';

/** One YAML document of a file, and where its fields are. */
export interface YamlDocument {
  /** From 1. */
  readonly number: number;
  /** The document as JavaScript values. */
  readonly value: unknown;
  /** The line, from 1, of a field (`spec.ports[0].port`), or of the deepest part of it that there is. */
  line(field?: string): number;
  /** Fields whose name occurs again in the same mapping: what `repeated: 'last'` lets pass. */
  repeated(): readonly { readonly field: string; readonly line: number }[];
}

/** How `readYaml` resolves tags and repeated fields. */
export interface YamlOptions {
  /** YAML 1.2 with `<<`, unless another one is given. */
  readonly schema?: Schema;
  /** Of a repeated field the last one counts. Otherwise it is an error. */
  readonly repeated?: 'last';
}

/** The documents of a file that are valid YAML, and the errors of the others. */
export interface YamlText {
  readonly documents: readonly YamlDocument[];
  /** `line 2, column 1: not YAML: …`, one for each document that is not. */
  readonly errors: readonly string[];
}

export const MAX_DEPTH = 100;
const SCHEMA = CORE_SCHEMA.withTags(mergeTag);

/** Part of a file. */
interface Chunk {
  readonly file: string;
  readonly options: YamlOptions;
  readonly text: string;
  /** Lines of the file before it. */
  readonly linesBefore: number;
  /** Documents of the file before it. */
  readonly documentsBefore: number;
}

/** Parses all documents of `text`, nested at most 100 levels. `file` is used in messages only. Never throws. */
export function readYaml(file: string, text: string, options: YamlOptions = {}): YamlText {
  const whole = { file, options, text, linesBefore: 0, documentsBefore: 0 };
  const found = readChunk(whole);
  return found.errors.length === 0 ? found : readSeparately(whole, found);
}

function readChunk(chunk: Chunk): YamlText {
  const { file, options, text, documentsBefore } = chunk;
  try {
    const events = parseEvents(text, { filename: file, maxDepth: MAX_DEPTH });
    const { schema = SCHEMA, repeated } = options;
    const json = repeated === 'last';
    const values = constructFromEvents(events, { source: text, filename: file, schema, json });
    const contents = contentsOf(events);
    const lineAt = lineFinder(chunk);
    const documents = values.map((value, index) => ({
      number: documentsBefore + index + 1,
      value,
      line: (field = '') => lineAt(fieldOffset(events, text, { content: contents[index] ?? 0, field })),
      repeated: () =>
        repeatedFields(events, text, contents[index] ?? 0).map(({ field, offset }) => ({
          field,
          line: lineAt(offset),
        })),
    }));
    return { documents, errors: [] };
  } catch (error) {
    return { documents: [], errors: [describe(error, chunk)] };
  }
}

/** The parser stops at the first error: parsing each document by itself finds all of them, and the valid documents. */
function readSeparately(chunk: Chunk, whole: YamlText): YamlText {
  const texts = split(chunk.text);
  if (texts.length < 2) return whole;
  const documents: YamlDocument[] = [];
  const errors: string[] = [];
  let [linesBefore, documentsBefore] = [0, 0];
  for (const part of texts) {
    const found = readChunk({ ...chunk, text: part, linesBefore, documentsBefore });
    documents.push(...found.documents);
    errors.push(...found.errors);
    linesBefore += part.split('\n').length - 1;
    documentsBefore += found.documents.length + found.errors.length;
  }
  return { documents, errors };
}

/** At the lines that start a document: YAML allows `---` at the start of a line nowhere else. */
function split(text: string): readonly string[] {
  const parts = text.split(/^(?=---(?:\s|$))/m);
  const [first = '', second = '', ...more] = parts;
  // Comments and directives (`%YAML 1.2`) belong to the document below them.
  return first.split('\n').some(isContent) ? parts : [first + second, ...more];
}

function isContent(line: string): boolean {
  return line.trim() !== '' && !line.startsWith('%') && !line.trimStart().startsWith('#');
}

/** Indexes of the events with which the content of each document begins. */
function contentsOf(events: readonly Event[]): readonly number[] {
  return events.flatMap((event, index) => (event.type === EVENT_ID.DOCUMENT ? [index + 1] : []));
}

/** The line, from 1, at an offset of the chunk. Called thousands of times for a large file. */
function lineFinder({ text, linesBefore }: Chunk): (offset: number) => number {
  const breaks: number[] = [];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) breaks.push(at);
  return (offset) => {
    let [low, high] = [0, breaks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((breaks[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return linesBefore + low + 1;
  };
}

function describe(error: unknown, { linesBefore }: Chunk): string {
  if (!(error instanceof YAMLException)) return `not YAML: ${String(error)}`;
  if (error.mark === undefined) return `not YAML: ${error.reason}`;
  const { line, column } = error.mark;
  return `line ${linesBefore + line + 1}, column ${column + 1}: not YAML: ${error.reason}`;
}

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
    if (!isRepetition(error)) return notYaml(error);
    return parseLeniently(text, describeRepetitions(text));
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

function isRepetition(error: unknown): error is YAMLException {
  return error instanceof YAMLException && error.reason.includes('duplicate');
}

/** More than this, and the file is something else than a configuration. */
const MOST_TOLD = 20;

/**
 * `duplicate field "iptables.syncPeriod" (line 5)`. The parser ends at the first repetition and says where the key stands,
 * not in what. So each gets a name that occurs once, until all parse: the result shows what they stand in.
 */
function describeRepetitions(text: string): readonly string[] {
  const found: { readonly name: string; readonly line: number }[] = [];
  for (let rest = text; found.length < MOST_TOLD;) {
    try {
      const [document] = loadAll(rest, { schema: SCHEMA });
      const paths = pathsOfStandIns(document, '');
      const nameOf = (standIn: string, number: string): string => found[Number(number)]?.name ?? standIn;
      return found.map(({ name, line }, index) => {
        const path = (paths.get(index) ?? name).replace(STAND_INS, nameOf);
        return `duplicate field ${JSON.stringify(path)} (line ${line})`;
      });
    } catch (error) {
      if (!isRepetition(error) || error.mark === undefined) break;
      const { position, line } = error.mark;
      const [name = ''] = /^[\w.-]+/.exec(rest.slice(position)) ?? [];
      if (name === '') break;
      rest = rest.slice(0, position) + STAND_IN + found.length + rest.slice(position + name.length);
      found.push({ name, line: line + 1 });
    }
  }
  return found.map(({ name, line }) => `duplicate field ${JSON.stringify(name)} (line ${line})`);
}

const STAND_IN = 'signalbox-repetition-';
const STAND_INS = new RegExp(`${STAND_IN}(\\d+)`, 'g');

/** By number, the path of the stand-in. */
function pathsOfStandIns(value: unknown, path: string): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, member] of Object.entries(value)) {
    if (key.startsWith(STAND_IN)) found.set(Number(key.slice(STAND_IN.length)), `${path}${key}`);
    for (const [number, inner] of pathsOfStandIns(member, `${path}${key}.`)) found.set(number, inner);
  }
  return found;
}

/**
 * The text of a configuration file as one plain value. YAML is read as kube-proxy's library reads it: version 1.1
 * (`yes` is true, `010` is eight, `<<` merges), and of several documents the first.
 */
import { fail, succeed, type Result } from '@signalbox/core';
import { readYaml, type YamlDocument } from '@signalbox/manifests';
import { boolYaml11Tag, CORE_SCHEMA, floatYaml11Tag, intYaml11Tag, mergeTag, nullYaml11Tag } from 'js-yaml';

/** Without the tags that give anything but what JSON has: times and bytes stay text. */
const SCHEMA = CORE_SCHEMA.withTags(nullYaml11Tag, boolYaml11Tag, intYaml11Tag, floatYaml11Tag, mergeTag);

interface ParsedDocument {
  readonly document: YamlDocument;
  readonly strictProblems: readonly string[];
}

/** More than this, and the file is something else than a configuration. */
const MAX_REPEATED = 20;

/** The error is one line. */
export function parseDocument(text: string): Result<ParsedDocument, string> {
  const { documents, errors } = readYaml('', text, { schema: SCHEMA, repeated: 'last' });
  if (errors[0] !== undefined) return fail(errors[0]);
  const [document, ...more] = documents.filter(({ number, value }) => number === 1 || value !== null);
  if (document === undefined || document.value === null) return fail('the file is empty');
  const repeated = document.repeated().slice(0, MAX_REPEATED);
  const strictProblems = repeated.map(({ field, line }) => `duplicate field "${field}" (line ${line})`);
  if (more.length > 0) strictProblems.push('more than one document, the first counts');
  return succeed({ document, strictProblems });
}

/** Label and field selectors, as far as the requests of a proxy need them: `!key`, `key`, `a=b`, `a!=b`, with commas. */
import type { WireObject } from '../wire.ts';

export type Matches = (object: WireObject) => boolean;

/** `null`: a selector that this server does not understand. */
export function parseSelectors(query: URLSearchParams): Matches | null {
  const labels = parseTerms(query.get('labelSelector') ?? '', (object, key) => labelsOf(object)[key]);
  const fields = parseTerms(query.get('fieldSelector') ?? '', (object, key) => fieldOf(object, key));
  if (labels === null || fields === null) return null;
  return (object) => labels.every((term) => term(object)) && fields.every((term) => term(object));
}

type Read = (object: WireObject, key: string) => string | undefined;

const TERM = /^(!?)([\w./-]+)(?:(!=|==?)([\w.:/-]*))?$/;

function parseTerms(text: string, read: Read): Matches[] | null {
  const terms: Matches[] = [];
  for (const part of text.split(',').filter((p) => p !== '')) {
    const found = TERM.exec(part);
    if (found === null) return null;
    const [, not = '', key = '', operator, value] = found;
    if (operator === undefined) terms.push((object) => (read(object, key) === undefined) === (not === '!'));
    else terms.push((object) => (read(object, key) === value) === (operator !== '!='));
  }
  return terms;
}

function labelsOf(object: WireObject): Readonly<Record<string, string>> {
  return object.metadata?.labels ?? {};
}

function fieldOf(object: WireObject, path: string): string | undefined {
  let value: unknown = object;
  for (const name of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}

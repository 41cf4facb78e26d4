/** The position of a field in the text of a YAML document. Pure. */
import { EVENT_ID, type Event } from 'js-yaml';

/** Undefined for a value without a position in the text, such as an empty value or an alias. */
function nodeStart(event: Event | undefined): number | undefined {
  if (event?.type === EVENT_ID.MAPPING || event?.type === EVENT_ID.SEQUENCE) return event.start;
  return event?.type === EVENT_ID.SCALAR ? Math.max(0, event.valueStart) : undefined;
}

/** The index after the node at `index`, with all that is inside it. */
function after(events: readonly Event[], index: number): number {
  let depth = 0;
  for (let at = index; at < events.length; at++) {
    const type = events[at]?.type;
    if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
    if (type === EVENT_ID.POP) depth--;
    if (depth <= 0) return at + 1;
  }
  return events.length;
}

/** A node inside another: where its name, or else it itself, starts, and the index of its event. */
interface Child {
  readonly start: number;
  readonly index: number;
}

type Find = (events: readonly Event[], text: string, at: { parent: number; step: string }) => Child | null;

/** Of a repeated key the last one, whose value is the one that counts where repetition is no error. */
const findKey: Find = (events, text, { parent, step }) => {
  let found: Child | null = null;
  for (let at = parent + 1; at < events.length && events[at]?.type !== EVENT_ID.POP;) {
    const key = events[at];
    const value = after(events, at);
    const start = nodeStart(key);
    if (key?.type === EVENT_ID.SCALAR && start !== undefined) {
      if (text.slice(key.valueStart, key.valueEnd) === step) found = { start, index: value };
    }
    at = after(events, value);
  }
  return found;
};

const findItem: Find = (events, _text, { parent, step }) => {
  let at = parent + 1;
  for (let left = Number(step); events[at]?.type !== EVENT_ID.POP && at < events.length; left--) {
    const start = nodeStart(events[at]);
    if (left === 0) return start === undefined ? null : { start, index: at };
    at = after(events, at);
  }
  return null;
};

/**
 * The offset of a field, written as in `spec.ports[0].port`, below the node at index `content`; of the deepest part
 * of it that there is.
 */
export function fieldOffset(
  events: readonly Event[],
  text: string,
  { content, field }: { readonly content: number; readonly field: string },
): number {
  let found: Child = { start: nodeStart(events[content]) ?? 0, index: content };
  for (const step of field.match(/[^.[\]]+/g) ?? []) {
    const type = events[found.index]?.type;
    const find = type === EVENT_ID.MAPPING ? findKey : type === EVENT_ID.SEQUENCE ? findItem : null;
    const child = find?.(events, text, { parent: found.index, step }) ?? null;
    if (child === null) break;
    found = child;
  }
  return found.start;
}

export interface RepeatedField {
  /** `iptables.syncPeriod` */
  readonly field: string;
  /** Where the name of the repetition starts. */
  readonly offset: number;
}

/** Every field below the node at index `content` whose name its mapping has had before; inner ones first. */
export function repeatedFields(
  events: readonly Event[],
  text: string,
  content: number,
): readonly RepeatedField[] {
  const repeated: RepeatedField[] = [];
  visit(content, '');
  return repeated;

  /** The index after the node at `index`. */
  function visit(index: number, path: string): number {
    const type = events[index]?.type;
    if (type === EVENT_ID.MAPPING) return visitMapping(index, path === '' ? '' : `${path}.`);
    if (type !== EVENT_ID.SEQUENCE) return after(events, index);
    let at = index + 1;
    for (let item = 0; isInside(at); item++) at = visit(at, `${path}[${item}]`);
    return at + 1;
  }

  function visitMapping(index: number, prefix: string): number {
    const names = new Set<string>();
    let at = index + 1;
    while (isInside(at)) {
      const key = events[at];
      const name = key?.type === EVENT_ID.SCALAR ? text.slice(key.valueStart, key.valueEnd) : undefined;
      at = visit(after(events, at), `${prefix}${name ?? '?'}`);
      if (name === undefined) continue;
      if (names.has(name)) repeated.push({ field: `${prefix}${name}`, offset: nodeStart(key) ?? 0 });
      names.add(name);
    }
    return at + 1;
  }

  function isInside(index: number): boolean {
    return index < events.length && events[index]?.type !== EVENT_ID.POP;
  }
}

/** What `nft list table` prints, in the layout of `formatTable`: one element a line, sorted, counters and slots numbered anew. */
import { ENDPOINT_MAPS } from '../objects/ruleset.ts';

/** Blocks of a table text by their first line: `chain services {`. */
export type Blocks = ReadonlyMap<string, readonly string[]>;

export function listingBlocks(table: string): Blocks {
  const blocks = new Map<string, readonly string[]>();
  for (const [, head = '', body = ''] of table.matchAll(/^\t((?:chain|set|map) \S+) \{\n(.*?)^\t\}/gms)) {
    blocks.set(head, head.startsWith('chain ') ? linesOf(body) : setLines(head, body));
  }
  return blocks;
}

function linesOf(body: string): readonly string[] {
  const lines = body.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '');
}

function setLines(head: string, body: string): readonly string[] {
  const [, declaration = body, elements = ''] = /^(.*?)\t\telements = \{(.*)\}/s.exec(body) ?? [];
  const texts = elements.split(',').map(elementText);
  const present = texts.filter((text) => text !== '');
  const name = head.slice(head.indexOf(' ') + 1);
  const isSlotted = (ENDPOINT_MAPS as readonly string[]).includes(name);
  return [...linesOf(declaration), ...(isSlotted ? withoutSlots(present) : present).toSorted()];
}

function elementText(text: string): string {
  return text
    .trim()
    .replaceAll(/\s+/g, ' ')
    .replace(/ counter packets \d+ bytes \d+/, '');
}

/** Which endpoint has which slot does not matter, but that none has two, and that slot 0 is filled. */
function withoutSlots(elements: readonly string[]): readonly string[] {
  const slots = elements.map((element) =>
    /^(?<frontend>.*) \. (?<slot>\d+) : (?<endpoint>.*)$/.exec(element),
  );
  const frontends = new Set(slots.map((slot) => slot?.groups?.['frontend'] ?? ''));
  const first = [...frontends].map((frontend) => {
    const isFilled = elements.some((element) => element.startsWith(`${frontend} . 0 : `));
    return `${frontend} . 0 is ${isFilled ? 'filled' : 'empty'}`;
  });
  return [...first, ...slots.map((slot) => `${slot?.groups?.['frontend']} : ${slot?.groups?.['endpoint']}`)];
}

import * as text from '../commands/text-table.ts';

/** Columns as kubectl prints them: a header in capitals, three spaces between columns. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return text.textTable([head, ...rows], '', '   ');
}

/** How many names a line shows before it counts the rest. */
const NAMES = 5;

/** `node-1, node-2 and 7 more` */
export function nodeNames(nodes: readonly string[]): string {
  const more = nodes.length - NAMES;
  return more > 1 ? `${nodes.slice(0, NAMES).join(', ')} and ${more} more` : nodes.join(', ');
}

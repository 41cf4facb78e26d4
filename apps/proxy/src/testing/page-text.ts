/** Documents of the page as text. */
import { parse, type DefaultTreeAdapterTypes } from 'parse5';

export function textOf(node: DefaultTreeAdapterTypes.Node): string {
  if ('value' in node) return node.value;
  return 'childNodes' in node ? node.childNodes.map(textOf).join('') : '';
}

/** On one line. */
export function pageText(document: string): string {
  return textOf(parse(document)).replaceAll(/\s+/g, ' ');
}

/** Ids of clauses as links of a terminal, to the documents beside the program. */
import { clauseLink } from './clause-link.ts';

/** OSC 8: text of the terminal with a link behind it. */
function link(url: string, text: string): string {
  return `\u001B]8;;${url}\u001B\\${text}\u001B]8;;\u001B\\`;
}

/** `text` is what a terminal gets, control characters already escaped. `base`: the folder that has docs/. */
export function linkClauses(text: string, base: URL): string {
  return text.replaceAll(/(?<=\()[SF]\d{1,3}(?=\))/g, (id) => link(new URL(clauseLink(id), base).href, id));
}

/** Markup that is safe by construction: every value of a template is escaped, unless it is such markup itself. */

export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Value = Markup | string | number | null | readonly Value[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  // Ends the value of an attribute in old parsers.
  '`': '&#96;',
};

/** Characters that no document may contain, or that reverse the order of the text around them. */
const INVISIBLE = /(?![\t\n\r])[\p{Cc}\p{Bidi_C}\uFFFE\uFFFF]/gu;

function escapeText(text: string): string {
  return text
    .replaceAll(INVISIBLE, '\uFFFD')
    .replaceAll(/[&<>"'`]/g, (character) => ENTITIES[character] ?? '');
}

function render(value: Value): string {
  if (value === null) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string' || typeof value === 'number') return escapeText(String(value));
  return value.map(render).join('');
}

/** Values are allowed as text or as the value of a quoted attribute; not as a name, and not in a script or style. */
export function html(literal: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(literal.map((part, index) => part + render(values[index] ?? null)).join(''));
}

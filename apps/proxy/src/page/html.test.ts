import * as fc from 'fast-check';
import { parseFragment, type DefaultTreeAdapterTypes } from 'parse5';
import { describe, expect, it } from 'vitest';
import { html, type Markup } from './html.ts';

type Element = DefaultTreeAdapterTypes.ChildNode;

function onlyChild(markup: Markup): Element {
  const { childNodes } = parseFragment(markup.text);
  expect(childNodes).toHaveLength(1);
  const [child] = childNodes;
  if (child === undefined) throw new Error('nothing was parsed');
  return child;
}

const HOSTILE = `<img src=x onerror=alert(1)> " ' & \` </td><script>alert(1)</script>`;

describe('html', () => {
  it('escapes values in text and in quoted attributes', () => {
    expect(html`<b title="${HOSTILE}">${HOSTILE}</b>`.text).toBe(
      '<b title="&lt;img src=x onerror=alert(1)&gt; &quot; &#39; &amp; &#96; &lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;">' +
        '&lt;img src=x onerror=alert(1)&gt; &quot; &#39; &amp; &#96; &lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;</b>',
    );
  });

  it('a parser returns any text unchanged, as one text and one attribute', () => {
    // Characters that no document may contain, surrogates without a partner and carriage returns aside.
    const text = fc.string({
      unit: fc.constantFrom(...Array.from(HOSTILE), 'é', '漢', '😀', '=', '/', '\\', '$'),
    });
    fc.assert(
      fc.property(text, (value) => {
        const element = onlyChild(html`<b title="${value}">${value}</b>`);
        const { attrs, childNodes } = element as unknown as {
          attrs: { name: string; value: string }[];
          childNodes: { value?: string }[];
        };
        expect(attrs).toEqual([{ name: 'title', value }]);
        expect(childNodes.map((child) => child.value).join('')).toBe(value);
      }),
    );
  });

  it('does not escape markup again, and joins lists', () => {
    const items = ['a', '<'].map((text) => html`<b>${text}</b>`);
    expect(html`<i>${items}${null}${7}</i>`.text).toBe('<i><b>a</b><b>&lt;</b>7</i>');
  });

  it('an object with the fields of markup is not markup', () => {
    const forged = { text: '<b>' } as unknown as Markup;
    expect(() => html`${forged}`).toThrow(TypeError);
  });

  it('replaces control characters and characters that reverse the direction of text', () => {
    expect(html`${'a\u0000b\u001B[2Jc\u202Ed\u2066e'}`.text).toBe('a\uFFFDb\uFFFD[2Jc\uFFFDd\uFFFDe');
  });
});

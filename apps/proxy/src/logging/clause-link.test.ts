import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { clauseLink } from './clause-link.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

describe('the link of a clause', () => {
  it('leads to an anchor of the document, for every clause', () => {
    const ids = ['docs/service-semantics.md', 'docs/compatibility.md'].flatMap((file) =>
      [...readFileSync(ROOT + file, 'utf8').matchAll(/^\| ([SF]\d+) \|/gm)].map(([, id = '']) => id),
    );
    expect(ids.length).toBeGreaterThan(200);
    for (const id of ids) {
      const [file = '', anchor = ''] = clauseLink(id).split('#');
      expect(readFileSync(ROOT + file, 'utf8')).toContain(`<a id="${anchor}"></a>`);
    }
  });

  it('is empty for what is no id of a clause', () => {
    expect(clauseLink('')).toBe('');
  });
});

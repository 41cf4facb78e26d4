/** Links of the documents to files of the repository, and to their sections. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from './install.mjs';

const documents = globSync(
  ['*.md', '{apps,benchmarks,decisions,deploy,docs,examples,packages,scenarios}/**/*.md'],
  {
    cwd: repositoryRoot,
    exclude: (name) => /^(?:node_modules|dist)$/.test(path.basename(name)),
  },
);

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
    .replaceAll(' ', '-');

function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading.trim()));
  const named = [...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name = '']) => name);
  return new Set([...headings, ...named]);
}

/** One line for each link of a document that leads nowhere. */
function deadLinks(document: string, text: string): readonly string[] {
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '');
  const links = [...prose.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links
    .filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? document : path.join(path.dirname(document), file);
      const place = path.join(repositoryRoot, target);
      if (!existsSync(place)) return true;
      return (
        anchor !== undefined && target.endsWith('.md') && !anchorsOf(readFileSync(place, 'utf8')).has(anchor)
      );
    })
    .map((link) => `${document}: ${link}`);
}

describe('the links of the documents', () => {
  it('lead to files and sections that exist', () => {
    expect(documents.length).toBeGreaterThan(30);
    const found = documents.flatMap((file) =>
      deadLinks(file, readFileSync(path.join(repositoryRoot, file), 'utf8')),
    );
    expect(found).toEqual([]);
  });

  it.each(['[x](missing.md)', '[x](docs/README.md#missing)', '[x](#missing)'])(
    'would be reported: %s',
    (text) => {
      expect(deadLinks('README.md', text)).toHaveLength(1);
    },
  );
});

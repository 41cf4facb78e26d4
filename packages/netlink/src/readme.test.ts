import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const readme = readFileSync(path.join(import.meta.dirname, '../README.md'), 'utf8');
const methods = globSync('clients/*-client.ts', { cwd: import.meta.dirname }).flatMap((file) => {
  const text = readFileSync(path.join(import.meta.dirname, file), 'utf8');
  const [, client = '', body = ''] = /^export interface (\w+Client) \{\n([\s\S]*?)^\}/m.exec(text) ?? [];
  return [...body.matchAll(/^ {2}(\w+)[(<]/gm)].map(([, method = '']) => ({ client, method }));
});

/** From the heading of the client to that of the next one. */
const sectionOf = (client: string): string =>
  readme.split(/^`create/m).find((part) => part.startsWith(`${client}()`)) ?? '';

describe('the README', () => {
  it('is compared with the methods of all six clients', () => {
    expect(new Set(methods.map(({ client }) => client)).size).toBe(6);
    expect(methods.length).toBeGreaterThan(40);
  });

  it.each(methods)('has $client.$method', ({ client, method }) => {
    expect(method === 'close' ? readme : sectionOf(client)).toContain(`\`${method}(`);
  });
});

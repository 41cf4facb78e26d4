/** Which exports the lint suite reports as undescribed. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { descriptionProblems } from './exports.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-exports-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DESCRIBED = `/** A port of a node. */
export interface NodePort { readonly number: number; readonly protocol: string }
/** How a node answers. */
export interface NodeOptions {
  /** Seconds; 10 by default. */
  readonly timeout?: number;
}
/** What {@link NodePort} is open for. */
export function usersOf(port: NodePort, options: NodeOptions): readonly string[] {
  return [port.protocol, String(options.timeout)];
}
`;
const WRONG = `export const LIMIT = 3;
interface Hidden { readonly name: string }
/** Reads it. */
export interface Reader {
  read(hidden: Hidden): void;
}
/** Settings of a {@link Nothing}. */
export interface ReaderSettings { readonly retries: number }
`;

async function problemsOf(text: string): Promise<string> {
  mkdirSync(path.join(folder, 'src'), { recursive: true });
  const exports = { '.': { 'signalbox-source': './src/index.ts' } };
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'sample', exports }));
  writeFileSync(path.join(folder, 'src/index.ts'), text);
  const tsconfig = path.join(folder, 'tsconfig.json');
  const compilerOptions = { strict: true, module: 'nodenext', target: 'es2023', types: [] };
  writeFileSync(tsconfig, JSON.stringify({ compilerOptions, include: ['src'] }));
  return ((await descriptionProblems([folder], tsconfig)) as readonly string[]).join('\n');
}

it('accepts described exports; properties of results have none of their own', async () => {
  expect(await problemsOf(DESCRIBED)).toBe('');
});

it('reports an export, a method and an option without description, a dead link, and a type that is not exported', async () => {
  const problems = await problemsOf(DESCRIBED + WRONG);
  expect(problems).toContain(
    'LIMIT (Variable), defined in sample/src/index.ts, does not have any documentation',
  );
  expect(problems).toContain('Reader.read (CallSignature), defined in sample/src/index.ts');
  expect(problems).toMatch(
    /Hidden, defined in .*, is referenced by .* but not included in the documentation/,
  );
  expect(problems).toContain('Nothing');
  expect(problems).toContain('ReaderSettings.retries has no description');
  expect(problems.split('\n')).toHaveLength(5);
});

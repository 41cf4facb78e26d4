/** The tarballs as npm installs them: together in an empty folder, each used by a program. */
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
  cpSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pinnedEnvironment, repositoryRoot } from '../install.mjs';
import { mustRun, run } from '../process.mjs';
import { fetchPackage } from '../rigs/rig.mjs';
import { runnableBlocks } from '../runnable-blocks.mjs';
import { readJson } from './stage.mjs';
import { packPackage, publishedFolders } from './tarballs.mjs';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly keywords: readonly string[];
  readonly engines: Readonly<Record<string, string>>;
  readonly repository: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const PROGRAM = '@signalbox/proxy';
const folders = publishedFolders();
const names = folders.map((folder) => (readJson(path.join(folder, 'package.json')) as Manifest).name);
const libraries = names.filter((name) => name !== PROGRAM);

/** The newest of the release lines before the pinned one: `engines` allows Node.js 20. */
const OLDER = ['20.20.2', '22.23.5'];

async function fetchNode(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = path.join(repositoryRoot, '.cache');
  return path.join(await fetchPackage(`${name}@${version}`, folder, `${name}-${version}`), 'bin/node');
}

/** This Node.js and older ones; further ones in SIGNALBOX_NODES, separated by colons. */
const fetched = await Promise.allSettled(OLDER.map(fetchNode));
const nodes = [
  process.execPath,
  ...fetched.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
  ...(process.env['SIGNALBOX_NODES'] ?? '').split(':').filter((file) => file !== ''),
];

const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-tarballs-'));
const tarballs = path.join(scratch, 'tarballs');
const user = path.join(scratch, 'user');
const programUser = path.join(scratch, 'program-user');

const installed = (name: string): string =>
  path.join(name === PROGRAM ? programUser : user, 'node_modules', name);
const manifestOf = (name: string): Manifest =>
  readJson(path.join(installed(name), 'package.json')) as Manifest;

async function npmInstall(
  folder: string,
  files: readonly string[],
  ...flags: readonly string[]
): Promise<void> {
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    ...flags,
    ...files,
  ];
  await mustRun('npm', args, { cwd: folder, env: pinnedEnvironment().env });
}

beforeAll(async () => {
  const files = new Map<string, string>();
  for (const [index, folder] of folders.entries()) {
    files.set(names[index] ?? '', await packPackage(folder, tarballs));
  }
  await npmInstall(
    user,
    libraries.map((name) => files.get(name) ?? ''),
  );
  // The tarball has to be complete: no registry is used.
  await npmInstall(programUser, [files.get(PROGRAM) ?? ''], '--offline');
  cpSync(path.join(repositoryRoot, 'tools/publish/programs'), user, { recursive: true });
}, 300_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const execute = (node: string, args: readonly string[], cwd: string) =>
  run(node, args, { cwd, capture: true, timeoutSeconds: 100 });

it.each(OLDER.map((version, index) => [version, fetched[index]] as const))(
  'Node.js %s is one of those that run the packages',
  async (version, result) => {
    // Rejected only if the registry cannot be reached, as for the packages.
    if (result?.status !== 'fulfilled') throw new Error(String(result?.reason));
    const shown = await execute(result.value, ['--version'], scratch);
    expect(shown.output.trim()).toBe(`v${version}`);
  },
);

describe.each(nodes)('with %s', (node) => {
  it.each(libraries)('a program that imports %s succeeds', async (name) => {
    const file = `${path.basename(name)}.mjs`;
    expect(await execute(node, [file], user)).toMatchObject({ status: 0, output: '' });
  });

  it.each(libraries)('the blocks of the README of %s print the output in the README', async (name) => {
    const readme = readFileSync(path.join(installed(name), 'README.md'), 'utf8');
    const blocks = runnableBlocks(readme, 'js') as readonly { script: string; output: string | null }[];
    const file = `readme-${path.basename(name)}.mjs`;
    writeFileSync(path.join(user, file), blocks.map(({ script }) => script).join('\n'));
    const expected = blocks.map(({ output }) => output ?? '').join('');
    expect(await execute(node, [file], user)).toMatchObject({ status: 0, output: expected });
  });

  it.each(libraries)('require and import of each entry of %s have the same exports', async (name) => {
    const children = new Set(['./monitor-child', './userspace-worker']);
    const entries = Object.keys(manifestOf(name).exports).filter((entry) => !children.has(entry));
    const script = `(async () => { for (const entry of ${JSON.stringify(entries)}) {
      const id = '${name}' + entry.slice(1);
      const one = Object.keys(require(id)).sort(), other = Object.keys(await import(id)).sort();
      const same = one.filter((key) => key !== '__esModule').join() === other.filter((key) => key !== '__esModule').join();
      if (one.length === 0 || !same) throw new Error(id);
    } })()`;
    const { status, output } = await execute(node, ['--no-warnings', '-e', script], user);
    expect(output).toBe('');
    expect(status).toBe(0);
  });

  it('the program of the package shows its version and explains a packet', async () => {
    const main = path.join(programUser, 'node_modules/.bin/signalbox');
    const shown = await execute(node, [main, 'version'], programUser);
    expect(shown.output).toContain(manifestOf(PROGRAM).version);
    const objects = path.join(programUser, 'web.yaml');
    const spec = '{clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{port: 80}]}';
    const metadata = '{name: web, namespace: shop}';
    writeFileSync(objects, `apiVersion: v1\nkind: Service\nmetadata: ${metadata}\nspec: ${spec}\n`);
    const question = ['explain', '10.244.1.5', '10.96.0.10:80/tcp', `--manifests=${objects}`];
    const answer = await execute(node, [main, ...question, '--hostname-override=node-a'], programUser);
    expect(answer.output).toContain('shop/web');
  });
});

describe.each(names)('the tarball of %s', (name) => {
  const files = (extension: string): readonly string[] =>
    globSync(`{dist,lib}/**/*.${extension}`, { cwd: installed(name) }).map((file) =>
      path.join(installed(name), file),
    );

  it('has a README and the licence, and a manifest with repository, engines and keywords', () => {
    const manifest = manifestOf(name);
    const read = (file: string): string => readFileSync(path.join(installed(name), file), 'utf8');
    expect(read('README.md')).toContain(`# ${name}\n`);
    expect(read('LICENSE')).toContain('Apache License');
    expect(manifest).toMatchObject({ license: 'Apache-2.0', engines: { node: '>=20' } });
    expect(manifest.repository['directory']).toMatch(/^(?:packages|apps)\//);
    expect(manifest.keywords.length).toBeGreaterThan(1);
  });

  it('has no reference to a file that it does not contain', () => {
    const text = readFileSync(path.join(installed(name), 'README.md'), 'utf8');
    expect(text).not.toMatch(/\]\((?!https?:|#)/);
    expect(JSON.stringify(manifestOf(name))).not.toMatch(/\/src\/|workspace:|file:/);
    for (const file of files('{js,ts}')) {
      const [, map] = /^\/\/# sourceMappingURL=(.*)$/m.exec(readFileSync(file, 'utf8')) ?? [];
      if (map !== undefined) expect(existsSync(path.resolve(path.dirname(file), map))).toBe(true);
    }
  });

  it('has source maps that contain their sources, or none', () => {
    for (const file of files('map')) {
      const map = readJson(file) as {
        sources: readonly string[];
        sourcesContent?: readonly (string | null)[];
      };
      const content = map.sourcesContent ?? [];
      expect(
        map.sources.filter((_, at) => typeof content[at] !== 'string'),
        file,
      ).toEqual([]);
    }
  });

  it('imports only what it declares', () => {
    const { dependencies = {}, peerDependencies = {} } = manifestOf(name);
    const declared = new Set([name, ...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
    const missing = files('{js,d.ts}').flatMap((file) =>
      [
        ...readFileSync(file, 'utf8').matchAll(
          /^(?:import|export|\}).*?\bfrom ?['"]([^'".][^'"]*)['"];?$|\bimport\(['"]([^'".][^'"]*)['"]\)/gm,
        ),
      ]
        .map(([, from, dynamic]) => from ?? dynamic ?? '')
        .filter((id) => !id.startsWith('node:') && !builtinModules.includes(id))
        .map((id) =>
          id
            .split('/')
            .slice(0, id.startsWith('@') ? 2 : 1)
            .join('/'),
        )
        .filter((id) => !declared.has(id))
        .map((id) => `${path.relative(installed(name), file)}: ${id}`),
    );
    expect(missing).toEqual([]);
  });
});

it('the installation of the program has no package except those in its tarball', () => {
  const all = globSync('node_modules/{*,@*/*}/package.json', { cwd: programUser });
  expect(all).toEqual([`node_modules/${PROGRAM}/package.json`]);
});

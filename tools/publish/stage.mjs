// A package as it is published: the output of the build, with its own manifest. The manifest of the workspace has entries for
// files and tools that are not in the tarball: sources, development dependencies, settings of nx.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../install.mjs';
import { repositoryUrl } from './origin.mjs';

export const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const writeJson = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

const SOURCE_CONDITION = 'signalbox-source';
const PRIVATE_FIELDS = ['devDependencies', 'scripts', 'nx', 'publishConfig'];

function withoutSources(exported) {
  if (typeof exported !== 'object') return exported;
  const entries = Object.entries(exported).filter(([name]) => name !== SOURCE_CONDITION);
  return Object.fromEntries(entries.map(([name, value]) => [name, withoutSources(value)]));
}

function publishedManifest(manifest, root, directory) {
  const url = repositoryUrl(root);
  const own = Object.entries(manifest).filter(([name]) => !PRIVATE_FIELDS.includes(name));
  return {
    ...Object.fromEntries(own),
    // publishConfig.exports: without entries that need packages which are not published.
    exports: withoutSources(manifest.publishConfig?.exports ?? manifest.exports),
    engines: root.engines,
    repository: { type: 'git', url: `git+${url}.git`, directory },
    homepage: `${url}/tree/v${manifest.version}/${directory}#readme`,
    bugs: `${url}/issues`,
  };
}

/** Replaces links to other files of the repository with URLs: the tarball contains only its own files. */
function absoluteLinks(text, { directory, base }) {
  return text.replaceAll(/\]\((?!https?:|#)([^)]+)\)/g, (_, link) => {
    const target = path.posix.join(directory, link);
    if (!existsSync(path.join(repositoryRoot, target.split('#')[0]))) {
      throw new Error(`${directory}/README.md: ${link} does not exist`);
    }
    return `](${base}/${target})`;
  });
}

/** npm leaves out folders called node_modules, except those of bundled dependencies in the package's own folder. */
function bundleModules(target) {
  const modules = path.join(target, 'node_modules');
  const built = path.join(target, 'dist/node_modules');
  if (!existsSync(built)) return {};
  renameSync(built, modules);
  const versions = {};
  for (const name of ['netlink', 'node-gyp-build']) {
    const file = path.join(modules, name, 'package.json');
    const { version, license, main } = readJson(file);
    // No install script: the binaries are included, and a system without a matching one must not try to compile.
    writeJson(file, { name, version, license, main });
    versions[name] = version;
  }
  return { dependencies: versions, bundleDependencies: Object.keys(versions) };
}

/** Files that a module or a declaration imports by a relative path. */
function importsOf(file) {
  const text = readFileSync(file, 'utf8');
  const extension = file.endsWith('.d.ts') ? '.d.ts' : '.js';
  return [...text.matchAll(/(?:\bfrom|\bimport|\bimport\() ?['"](\.[^'"]+)\.(?:js|ts)['"]/g)].map(
    ([, name]) => path.join(path.dirname(file), `${name}${extension}`),
  );
}

/** Removes modules and declarations that no entry imports: tsc also writes declarations of test helpers. */
function removeUnusedFiles(target, exported) {
  const entries = Object.values(exported).flatMap((entry) =>
    typeof entry === 'object' ? Object.values(entry) : [],
  );
  if (entries.length === 0) return; // the program, which is one bundle
  const used = new Set();
  const queue = entries.map((entry) => path.join(target, entry));
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (used.has(file)) continue;
    used.add(file);
    queue.push(...importsOf(file));
  }
  for (const name of readdirSync(path.join(target, 'dist'), { recursive: true })) {
    const file = path.join(target, 'dist', name);
    if (/\.(?:js|ts|map)$/.test(name) && !used.has(file.replace(/\.map$/, ''))) rmSync(file);
  }
}

/** Copies the package of `folder` into the empty folder `target`, ready to be published. */
export function stagePackage(folder, target) {
  const root = readJson(path.join(repositoryRoot, 'package.json'));
  const manifest = readJson(path.join(folder, 'package.json'));
  const directory = path.relative(repositoryRoot, folder).split(path.sep).join('/');
  mkdirSync(target, { recursive: true });
  for (const name of manifest.files) {
    const from = path.join(folder, name);
    if (!existsSync(from)) throw new Error(`${from} does not exist: npm run build`);
    cpSync(from, path.join(target, name), { recursive: true });
  }
  cpSync(path.join(repositoryRoot, 'LICENSE'), path.join(target, 'LICENSE'));
  const base = `${repositoryUrl(root)}/blob/v${manifest.version}`;
  const readme = readFileSync(path.join(folder, 'README.md'), 'utf8');
  writeFileSync(path.join(target, 'README.md'), absoluteLinks(readme, { directory, base }));
  const published = { ...publishedManifest(manifest, root, directory), ...bundleModules(target) };
  writeJson(path.join(target, 'package.json'), published);
  removeUnusedFiles(target, published.exports);
}

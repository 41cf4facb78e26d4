// Part of the lint suite: every package as npm would publish it. publint checks the manifest against the files, attw the
// declarations as TypeScript resolves them for an importing ES module. The packages have been built before.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { pinnedEnvironment, repositoryRoot } from './install.mjs';
import { run } from './process.mjs';

/** The packages are ES modules only: what CommonJS and old resolution make of them is no fault. */
const RESOLUTIONS = new Set(['node16-esm', 'bundler']);
const DELIBERATE = new Set(['CJSResolvesToESM']);

/** The tarball of a package, in memory. */
export async function pack(folder) {
  const target = mkdtempSync(path.join(tmpdir(), 'signalbox-pack-'));
  try {
    const { env } = pinnedEnvironment();
    const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', target];
    const { status, output } = await run('npm', args, { cwd: folder, env, capture: true });
    if (status !== 0) throw new Error(`npm pack failed in ${folder}:\n${output}`);
    return readFileSync(path.join(target, readdirSync(target)[0]));
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

async function publintProblems(tarball, manifest) {
  const copy = tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength);
  const { messages } = await publint({ pack: { tarball: copy }, level: 'warning' });
  return messages.map((message) => `publint: ${formatMessage(message, manifest, { color: false })}`);
}

function describe({ kind, entrypoint, resolutionKind, ...rest }) {
  const where = entrypoint === undefined ? (rest.fileName ?? '') : `${entrypoint} (${resolutionKind})`;
  const what = rest.moduleSpecifier === undefined ? '' : `: ${rest.moduleSpecifier}`;
  return `attw: ${kind} ${where}${what}`;
}

async function typeProblems(tarball) {
  const result = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
  if (!result.types) return ['attw: no declarations'];
  return result.problems
    .filter(({ kind }) => !DELIBERATE.has(kind))
    .filter(({ resolutionKind, resolutionOption }) => {
      if (resolutionKind !== undefined) return RESOLUTIONS.has(resolutionKind);
      return resolutionOption === undefined || resolutionOption !== 'node10';
    })
    .map(describe);
}

/** What is wrong with a package, as lines of text. */
export async function packageProblems(folder) {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const tarball = await pack(folder);
  const problems = [...(await publintProblems(tarball, manifest)), ...(await typeProblems(tarball))];
  return problems.map((problem) => `${manifest.name}: ${problem}`);
}

function publishedPackages() {
  const packages = path.join(repositoryRoot, 'packages');
  const folders = readdirSync(packages).map((name) => path.join(packages, name));
  return folders.filter(
    (folder) => JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')).private !== true,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const folder of publishedPackages()) {
    for (const problem of await packageProblems(folder)) {
      process.stderr.write(`${problem}\n`);
      process.exitCode = 1;
    }
  }
}

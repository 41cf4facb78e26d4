// Part of the lint suite: every package as npm would publish it. publint checks the manifest against the files, attw the
// declarations as TypeScript resolves them for an importing ES module. The packages have been built before.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { readJson, stagePackage } from './publish/stage.mjs';
import { packFolder, publishedFolders } from './publish/tarballs.mjs';

/** The packages are ES modules only: what CommonJS and old resolution make of them is no fault. */
const RESOLUTIONS = new Set(['node16-esm', 'bundler']);
const DELIBERATE = new Set(['CJSResolvesToESM']);

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

/** What is wrong with a package, which is ready to be published, as lines of text. */
export async function packageProblems(folder) {
  const manifest = readJson(path.join(folder, 'package.json'));
  const target = mkdtempSync(path.join(tmpdir(), 'signalbox-pack-'));
  try {
    const tarball = readFileSync(await packFolder(folder, target));
    const hasTypes = Object.hasOwn(manifest.exports, '.');
    const types = hasTypes ? await typeProblems(tarball) : [];
    const problems = [...(await publintProblems(tarball, manifest)), ...types];
    return problems.map((problem) => `${manifest.name}: ${problem}`);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

async function stagedProblems(folder) {
  const stage = mkdtempSync(path.join(tmpdir(), 'signalbox-stage-'));
  try {
    stagePackage(folder, stage);
    return await packageProblems(stage);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const folder of publishedFolders()) {
    for (const problem of await stagedProblems(folder)) {
      process.stderr.write(`${problem}\n`);
      process.exitCode = 1;
    }
  }
}

// The tarballs that are published: `node tools/publish/tarballs.mjs FOLDER` writes all of them, after `npm run build`.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pinnedEnvironment, repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { readJson, stagePackage } from './stage.mjs';

/** Runs `npm pack` in a folder that is ready to be published. Returns the path of the tarball. */
export async function packFolder(folder, target) {
  mkdirSync(target, { recursive: true });
  const before = new Set(readdirSync(target));
  const { env } = pinnedEnvironment();
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', target];
  await mustRun('npm', args, { cwd: folder, env });
  return path.join(target, readdirSync(target).find((name) => !before.has(name)) ?? '');
}

/** Folders of the packages that are not private: the libraries, then the program. */
export function publishedFolders() {
  const packages = path.join(repositoryRoot, 'packages');
  const folders = readdirSync(packages).map((name) => path.join(packages, name));
  return [...folders, path.join(repositoryRoot, 'apps/proxy')].filter(
    (folder) => readJson(path.join(folder, 'package.json')).private !== true,
  );
}

/** The tarball of one package of the workspace, in the folder `target`. */
export async function packPackage(folder, target) {
  const stage = mkdtempSync(path.join(tmpdir(), 'signalbox-stage-'));
  try {
    stagePackage(folder, stage);
    return await packFolder(stage, target);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [target] = process.argv.slice(2);
  if (target === undefined) throw new Error('usage: node tools/publish/tarballs.mjs FOLDER');
  for (const folder of publishedFolders()) process.stdout.write(`${await packPackage(folder, target)}\n`);
}

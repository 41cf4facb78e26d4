// `npm ci` under the Node that the lockfile pins. npm compares the `engines` of a package with the Node that runs npm:
// under an older one it warns of tools that never run there, and with `engine-strict` it refuses them.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const quiet = ['--no-audit', '--no-fund'];

/** Name, version and hash of the pinned Node for this platform; `null`: there is none. */
function pinnedPackage(lock) {
  const { platform, arch } = process;
  const name = `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
  const entry = lock.packages[`node_modules/${name}`];
  return entry === undefined ? null : { name, version: entry.version, integrity: entry.integrity };
}

/** Whether npm may as well run under this Node: the same major version has the same features. */
function isLikePinned({ version }, running) {
  return running.split('.')[0] === version.split('.')[0];
}

/** Exit status of npm. No library starts it: none is installed yet. */
function npm(args, env) {
  return new Promise((resolve) => {
    const child = spawn('npm', args, { env, shell: process.platform === 'win32', stdio: 'inherit' });
    child.on('error', () => resolve(127));
    child.on('close', (status) => resolve(status ?? 128));
  });
}

/** Installs the pinned Node alone; its folder of programs, or `null` if that failed. npm keeps the download for later. */
async function fetchNode({ name, version, integrity }, folder, env) {
  const options = [
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    '--loglevel=error',
    '--silent',
    ...quiet,
  ];
  const status = await npm(['install', '--prefix', folder, ...options, `${name}@${version}`], env);
  if (status !== 0) return null;
  const installed = JSON.parse(readFileSync(path.join(folder, 'node_modules/.package-lock.json'), 'utf8'));
  if (installed.packages[`node_modules/${name}`]?.integrity !== integrity) {
    throw new Error(
      `${name}@${version} of the registry has another integrity hash than in package-lock.json`,
    );
  }
  const programs = path.join(folder, 'node_modules', name, 'bin');
  return existsSync(programs) ? programs : null;
}

/**
 * @param {object} lock package-lock.json
 * @param {{env?: object, running?: string}} [place] environment and version of this Node
 * @returns {Promise<number>} the exit status of `npm ci`
 */
export async function installPackages(lock, { env = process.env, running = process.versions.node } = {}) {
  const pinned = pinnedPackage(lock);
  if (pinned === null || isLikePinned(pinned, running)) return npm(['ci', ...quiet], env);
  const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-node-'));
  try {
    const programs = await fetchNode(pinned, folder, env);
    const search = programs === null ? [env.PATH] : [programs, env.PATH];
    return await npm(['ci', ...quiet], { ...env, PATH: search.join(path.delimiter) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

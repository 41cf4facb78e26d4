// Installs the lockfile once per content and finds the pinned Node in it.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages } from './set-up.mjs';

export const repositoryRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const stamp = path.join('node_modules', '.signalbox-install');
/** TypeScript without a build step: type stripping is on by default from here. */
const oldestNode = [22, 19];

/**
 * Whether the installed packages are those of the lockfile, as after `npm install`: then `npm ci`, which empties node_modules
 * first, is not needed. Packages for other platforms are absent for good.
 */
export function isInstalled(lock, installed) {
  const optional = ({ optional = false, devOptional = false }) => optional || devOptional;
  const wanted = Object.entries(lock.packages).filter(([where]) => /(?:^|\/)node_modules\//.test(where));
  return wanted.every(([where, entry]) => {
    const found = installed.packages[where];
    if (found === undefined) return optional(entry);
    return found.version === entry.version && found.link === entry.link;
  });
}

function isInstalledHere(lockText) {
  const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const pinned = path.join('node_modules', `node-${platform}`);
  try {
    const installed = JSON.parse(readFileSync(path.join('node_modules', '.package-lock.json'), 'utf8'));
    const lock = JSON.parse(lockText);
    const complete = !Object.hasOwn(lock.packages, `node_modules/node-${platform}`) || existsSync(pinned);
    return complete && isInstalled(lock, installed);
  } catch {
    return false; // nothing is installed, or by another tool
  }
}

/** `npm run setup`. */
export async function setUp() {
  // For people who change dependencies: leaves node_modules as it is.
  if (process.env.SIGNALBOX_NO_INSTALL === '1') return;
  const lockText = readFileSync('package-lock.json', 'utf8');
  const wanted = createHash('sha256').update(lockText).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  if (isInstalledHere(lockText)) {
    writeFileSync(stamp, wanted);
    return;
  }
  process.stdout.write('Installing the packages of package-lock.json (npm ci)\n');
  const status = await installPackages(JSON.parse(lockText));
  if (status !== 0) {
    process.stderr.write(`npm ci failed (exit ${status}): nothing else was run\n`);
    process.exit(1);
  }
  writeFileSync(stamp, wanted);
}

function pinnedNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const binary = process.platform === 'win32' ? 'node.exe' : 'node';
  const pinned = path.join(repositoryRoot, 'node_modules', `node-${platform}-${process.arch}`, 'bin', binary);
  if (existsSync(pinned)) return pinned;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestNode;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return process.execPath;
  process.stderr.write(
    `There is no pinned Node for ${platform}-${process.arch}, and this one is ${process.versions.node}: ` +
      `start it with Node ${oldestNode.join('.')} or newer (24 is what the project is tested with)\n`,
  );
  process.exit(1);
}

/** `node`: the Node to run tools with; `env`: finds it first too; `tool(name)`: path of a tool's script. */
export function pinnedEnvironment() {
  const node = pinnedNode();
  const search = [path.dirname(node), path.join(repositoryRoot, 'node_modules', '.bin'), process.env.PATH];
  // iptables and friends live in sbin, which users other than root do not search.
  const hasSbin = (process.env.PATH ?? '').split(path.delimiter).some((folder) => folder.endsWith('/sbin'));
  if (process.platform !== 'win32' && !hasSbin) search.push('/usr/sbin', '/sbin');
  const env = {
    ...process.env,
    PATH: search.join(path.delimiter),
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
    NX_TUI: 'false',
  };
  return { node, env, root: repositoryRoot };
}

const scripts = {
  nx: 'nx/dist/bin/nx.js',
  vitest: 'vitest/vitest.mjs',
  oxlint: 'oxlint/bin/oxlint',
  prettier: 'prettier/bin/prettier.cjs',
  tsc: 'typescript/bin/tsc',
};

/** Arguments that start a tool of the lockfile with the pinned Node. */
export function tool(name, ...args) {
  return [path.join(repositoryRoot, 'node_modules', scripts[name]), ...args];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(repositoryRoot);
  await setUp();
}

// The root file system of the image: files of pinned Debian packages, a stripped Node.js, the program.
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { nodeFolder, place, placeProgram } from './deb.mjs';
import { readJson } from './stage.mjs';

const LOCK = path.join(repositoryRoot, 'deploy/image/debian-amd64.json');
const CACHE = path.join(repositoryRoot, '.cache/image');
/** The second mirror has every version that Debian has published. */
const MIRRORS = [
  (file) => `http://deb.debian.org/${file}`,
  (file) =>
    `http://snapshot.debian.org/archive/${file.replace('/pool/', `/${readJson(LOCK).snapshot}/pool/`)}`,
];

const runTool = (command, args) => mustRun(command, args, { timeoutSeconds: 300 });

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

async function download(file) {
  for (const mirror of MIRRORS) {
    const response = await fetch(mirror(file)).catch(() => null);
    if (response?.ok) return Buffer.from(await response.arrayBuffer());
  }
  throw new Error(`${file}: on no mirror`);
}

/** A package of the lock file, from the cache or a mirror, with its digest verified. */
async function debOf({ file, digest }) {
  const cached = path.join(CACHE, digest);
  if (existsSync(cached) && sha256(readFileSync(cached)) === digest) return cached;
  const bytes = await download(file);
  if (sha256(bytes) !== digest) throw new Error(`${file}: digest ${sha256(bytes)}, not ${digest}`);
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(cached, bytes);
  return cached;
}

/** Fetches every package that is not in the cache: the suite that builds the image has no network. */
export async function fetchPackages() {
  for (const entry of readJson(LOCK).packages) await debOf(entry);
}

/** Not needed to run the tools: character sets, translations, manuals; of util-linux, all but setpriv. */
const REMOVED = [
  'usr/share/gcc',
  'usr/share/gdb',
  'usr/share/initramfs-tools',
  'usr/share/locale',
  'usr/share/man',
  'usr/share/info',
  'usr/share/lintian',
  'usr/share/bash-completion',
];

const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
/** iptables loads these by name. */
const EXTENSIONS = `${LIBRARIES}/xtables`;

function trim(root) {
  for (const name of REMOVED) rmSync(path.join(root, name), { recursive: true, force: true });
  const documents = path.join(root, 'usr/share/doc');
  for (const name of readdirSync(documents, { recursive: true })) {
    if (/\.(?:gz|md|txt)$|\/(?:examples|README[^/]*|NEWS[^/]*|AUTHORS|TODO)$/.test(name)) {
      rmSync(path.join(documents, name), { recursive: true, force: true });
    }
  }
}

/** Not a symbolic link: its target could be a file of this machine. */
const isFile = (file) => lstatSync(file, { throwIfNoEntry: false })?.isFile() === true;

/** Names of the libraries that these files need, directly or through another library. */
async function loadedBy(root, files) {
  const loaded = new Set();
  for (let next = files; next.length > 0;) {
    const output = await runTool('readelf', ['--dynamic', ...next]);
    const needed = [...output.matchAll(/\(NEEDED\).*\[(.+)\]$/gm)].map(([, name]) => name);
    const found = [...new Set(needed)].filter((name) => !loaded.has(name));
    for (const name of found) loaded.add(name);
    next = found.map((name) => path.join(root, LIBRARIES, name)).filter((file) => existsSync(file));
  }
  return loaded;
}

/** No program of the image loads the other libraries: libssl beside libcrypto, libmvec beside libm, engines of OpenSSL. */
async function removeUnusedLibraries(root) {
  const folders = ['usr/bin', 'usr/sbin', EXTENSIONS, PROGRAM];
  const programs = folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true }).map((name) => path.join(root, folder, name)),
  );
  const loaded = await loadedBy(root, programs.filter(isElf));
  const folder = path.join(root, LIBRARIES);
  const kept = new Set([path.basename(EXTENSIONS)]);
  for (const name of loaded) {
    const file = path.join(folder, name);
    if (!existsSync(file)) continue;
    kept.add(name).add(path.basename(realpathSync(file)));
  }
  for (const name of readdirSync(folder)) {
    if (!kept.has(name)) rmSync(path.join(folder, name), { recursive: true });
  }
}

const isElf = (file) => isFile(file) && readFileSync(file).subarray(0, 4).equals(Buffer.from('\x7fELF'));

async function extract(root, { name, file, digest }) {
  const deb = await debOf({ file, digest });
  if (name !== 'util-linux') return runTool('dpkg-deb', ['--extract', deb, root]);
  const part = `${root}.part`;
  await runTool('dpkg-deb', ['--extract', deb, part]);
  cpSync(path.join(part, 'usr/bin/setpriv'), path.join(root, 'usr/bin/setpriv'));
  rmSync(part, { recursive: true });
}

const PROGRAM = 'usr/lib/signalbox';
const WRAPPER = 'iptables-by-node';

/** The links that Debian's alternatives and maintainer scripts would create; kubeadm's DaemonSet runs kube-proxy. */
const LINKS = {
  'usr/local/bin/signalbox': '/usr/bin/signalbox',
  'usr/local/bin/kube-proxy': '/usr/bin/signalbox',
  ...Object.fromEntries(
    ['iptables', 'ip6tables'].flatMap((tool) =>
      ['', '-save', '-restore'].map((suffix) => [`usr/sbin/${tool}${suffix}`, WRAPPER]),
    ),
  ),
};

function link(root, name, target) {
  mkdirSync(path.join(root, path.dirname(name)), { recursive: true });
  rmSync(path.join(root, name), { force: true });
  symlinkSync(target, path.join(root, name));
}

/** As Debian's usr-is-merged does: packages still contain files in both places. */
function mergeIntoUsr(root, name) {
  const from = path.join(root, name);
  if (existsSync(from)) {
    cpSync(from, path.join(root, 'usr', name), { recursive: true, verbatimSymlinks: true });
    rmSync(from, { recursive: true });
  }
  link(root, name, `usr/${name}`);
}

/** Fills the empty folder `root`. */
export async function buildRoot(root) {
  for (const entry of readJson(LOCK).packages) await extract(root, entry);
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) mergeIntoUsr(root, name);
  trim(root);
  for (const name of [
    'dev',
    'proc',
    'sys',
    'run',
    'tmp',
    'lib/modules',
    'var/lib/kube-proxy',
    'run/signalbox',
  ]) {
    mkdirSync(path.join(root, name), { recursive: true });
  }
  const node = path.join(await nodeFolder('amd64'), 'bin/node');
  placeProgram(root, node, 'amd64');
  await runTool('strip', [path.join(root, PROGRAM, 'node')]);
  await removeUnusedLibraries(root);
  place(path.join(repositoryRoot, `deploy/image/${WRAPPER}.sh`), path.join(root, 'usr/sbin', WRAPPER), 0o755);
  for (const [name, target] of Object.entries(LINKS)) link(root, name, target);
  cpSync(path.join(repositoryRoot, 'LICENSE'), path.join(root, PROGRAM, 'LICENSE'));
  cpSync(path.join(await nodeFolder('amd64'), 'LICENSE'), path.join(root, PROGRAM, 'LICENSE.node'));
}

/** Writes the versions that apt has now to the lock file; run it on the Debian release of the lock file. */
export async function lockPackages() {
  const lock = readJson(LOCK);
  const names = lock.packages.map(({ name }) => name);
  const output = await runTool('apt-get', ['download', '--print-uris', ...names]);
  const uris = output.matchAll(/^'http[^']*?\/(debian[\w-]*\/pool\/[^']+)' (\S+) \d+ SHA256:(\w+)$/gm);
  const packages = [...uris].map(([, file, deb, digest]) => ({ name: deb.split('_')[0], file, digest }));
  const missing = names.filter((name) => !packages.some((entry) => entry.name === name));
  if (missing.length > 0) throw new Error(`apt has no ${missing.join(', ')}`);
  writeFileSync(LOCK, `${JSON.stringify({ ...lock, packages }, null, 2)}\n`);
}

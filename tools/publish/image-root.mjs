// The root file system of the image: files of pinned Debian packages, a stripped Node.js, the program.
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
} from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { nodeFolder, place, placeProgram } from './deb.mjs';
import { debOf, pinnedPackages } from './image-debian.mjs';

const runTool = (command, args) => mustRun(command, args, { timeoutSeconds: 300 });

/** Not needed to run the tools: character sets, translations, manuals. */
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

/** Debian's name of an architecture → that of its tools and of the folder of its libraries. */
const TRIPLETS = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
/** iptables loads these libraries by name. */
const EXTENSIONS = 'xtables';

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
async function loadedBy(libraries, files) {
  const loaded = new Set();
  for (let next = files; next.length > 0;) {
    const output = await runTool('readelf', ['--dynamic', ...next]);
    const needed = [...output.matchAll(/\(NEEDED\).*\[(.+)\]$/gm)].map(([, name]) => name);
    const found = [...new Set(needed)].filter((name) => !loaded.has(name));
    for (const name of found) loaded.add(name);
    next = found.map((name) => path.join(libraries, name));
  }
  return loaded;
}

/** No program of the image loads the other libraries: libssl beside libcrypto, libmvec beside libm, engines of OpenSSL. */
async function removeUnusedLibraries(root, architecture) {
  const libraries = path.join(root, 'usr/lib', TRIPLETS[architecture]);
  const folders = ['usr/bin', 'usr/sbin', PROGRAM].map((name) => path.join(root, name));
  const programs = [...folders, path.join(libraries, EXTENSIONS)].flatMap((folder) =>
    readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name)),
  );
  const kept = new Set([EXTENSIONS]);
  // An error if a library is missing.
  for (const name of await loadedBy(libraries, programs.filter(isElf))) {
    kept.add(name).add(path.basename(realpathSync(path.join(libraries, name))));
  }
  for (const name of readdirSync(libraries)) {
    if (!kept.has(name)) rmSync(path.join(libraries, name), { recursive: true });
  }
}

const isElf = (file) => isFile(file) && readFileSync(file).subarray(0, 4).equals(Buffer.from('\x7fELF'));

/** Large packages of which the image has some programs: package → path in it → path in the image. */
const PARTS = {
  'util-linux': { 'usr/bin/setpriv': 'usr/bin/setpriv', 'usr/bin/unshare': 'usr/bin/unshare' },
  iproute2: { 'bin/ip': 'usr/bin/ip' },
};

async function extract(root, { name, file, digest }) {
  const deb = await debOf({ file, digest });
  if (PARTS[name] === undefined) return runTool('dpkg-deb', ['--extract', deb, root]);
  const part = `${root}.part`;
  await runTool('dpkg-deb', ['--extract', deb, part]);
  for (const [from, to] of Object.entries(PARTS[name])) cpSync(path.join(part, from), path.join(root, to));
  rmSync(part, { recursive: true });
}

const PROGRAM = 'usr/lib/signalbox';
const WRAPPER = 'iptables-by-node';

/** The links that Debian's alternatives and maintainer scripts would create; kubeadm's DaemonSet runs kube-proxy. */
export const LINKS = {
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

const FOLDERS = ['dev', 'proc', 'sys', 'run', 'tmp', 'lib/modules', 'var/lib/kube-proxy', 'run/signalbox'];

async function placePackages(root, architecture) {
  for (const entry of pinnedPackages(architecture).packages) await extract(root, entry);
  for (const name of ['bin', 'sbin', 'lib']) mergeIntoUsr(root, name);
  // The loader of amd64 is there; other architectures have no such folder.
  if (existsSync(path.join(root, 'lib64'))) mergeIntoUsr(root, 'lib64');
  trim(root);
  for (const name of FOLDERS) mkdirSync(path.join(root, name), { recursive: true });
}

/** Fills the empty folder `root`, on a machine of any architecture. */
export async function buildRoot(root, architecture) {
  await placePackages(root, architecture);
  const node = await nodeFolder(architecture);
  placeProgram(root, path.join(node, 'bin/node'), architecture);
  await runTool(`${TRIPLETS[architecture]}-strip`, [path.join(root, PROGRAM, 'node')]);
  await removeUnusedLibraries(root, architecture);
  place(path.join(repositoryRoot, `deploy/image/${WRAPPER}.sh`), path.join(root, 'usr/sbin', WRAPPER), 0o755);
  for (const [name, target] of Object.entries(LINKS)) link(root, name, target);
  cpSync(path.join(repositoryRoot, 'LICENSE'), path.join(root, PROGRAM, 'LICENSE'));
  cpSync(path.join(node, 'LICENSE'), path.join(root, PROGRAM, 'LICENSE.node'));
}

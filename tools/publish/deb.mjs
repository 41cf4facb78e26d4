// The Debian package, from the built program and the pinned Node:
//
//   node tools/publish/deb.mjs FOLDER [--compression xz|none] [--arch amd64|arm64]
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { fetchPackage } from '../rigs/rig.mjs';
import { repositoryUrl } from './origin.mjs';
import { readJson } from './stage.mjs';

/** Debian's name of an architecture → that of Node's npm packages. */
const ARCHITECTURES = { amd64: 'x64', arm64: 'arm64' };
const hostArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

const source = (...names) => path.join(repositoryRoot, ...names);
const debian = (name) => source('deploy/debian', name);

/** Installs a file with its mode, whatever the umask and the checkout. */
export function place(from, to, mode = 0o644) {
  mkdirSync(path.dirname(to), { recursive: true });
  cpSync(from, to);
  chmodSync(to, mode);
}

/** /usr/bin/signalbox and the files that it runs, for one architecture. */
export function placeProgram(root, node, architecture) {
  const built = source('apps/proxy/dist');
  if (!existsSync(path.join(built, 'main.js'))) throw new Error(`${built} is empty: npm run build`);
  cpSync(built, path.join(root, 'usr/lib/signalbox'), { recursive: true });
  rmSync(path.join(root, 'usr/lib/signalbox/signalbox.8'));
  const sockets = path.join(root, 'usr/lib/signalbox/node_modules/netlink/prebuilds');
  for (const name of readdirSync(sockets)) {
    if (name !== `linux-${ARCHITECTURES[architecture]}`)
      rmSync(path.join(sockets, name), { recursive: true });
  }
  place(node, path.join(root, 'usr/lib/signalbox/node'), 0o755);
  place(debian('signalbox.sh'), path.join(root, 'usr/bin/signalbox'), 0o755);
}

function placeService(root) {
  place(debian('signalbox.service'), path.join(root, 'usr/lib/systemd/system/signalbox.service'));
  place(debian('config.yaml'), path.join(root, 'etc/signalbox/config.yaml'));
}

async function placeDocuments(root, node) {
  const doc = path.join(root, 'usr/share/doc/signalbox');
  place(source('LICENSE'), path.join(doc, 'copyright'));
  place(path.join(node, 'LICENSE'), path.join(doc, 'copyright.node'));
  const main = source('apps/proxy/dist/main.js');
  const texts = {
    'usr/share/man/man8/signalbox.8.gz': ['help', '-o', 'man'],
    'usr/share/bash-completion/completions/signalbox': ['completion', 'bash'],
  };
  for (const [name, args] of Object.entries(texts)) {
    const text = await mustRun(process.execPath, [main, ...args]);
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, name.endsWith('.gz') ? gzipSync(text, { level: 9 }) : text);
  }
}

function sizeOf(folder) {
  const files = readdirSync(folder, { recursive: true }).map((name) => statSync(path.join(folder, name)));
  return Math.ceil(files.reduce((sum, { size }) => sum + size, 0) / 1024);
}

function placeControl(root, { version, description, author, homepage }, architecture) {
  const control = {
    Package: 'signalbox',
    Version: version,
    Architecture: architecture,
    Maintainer: author,
    Section: 'net',
    Priority: 'optional',
    'Installed-Size': sizeOf(root),
    Depends: 'libc6 (>= 2.28), libstdc++6, libgcc-s1, iptables, kmod',
    Suggests: 'nftables, ipvsadm, ipset, conntrack',
    Homepage: homepage,
    Description: description,
  };
  const folder = path.join(root, 'DEBIAN');
  mkdirSync(folder);
  const lines = Object.entries(control).map(([field, value]) => `${field}: ${value}\n`);
  writeFileSync(path.join(folder, 'control'), lines.join(''));
  writeFileSync(path.join(folder, 'conffiles'), '/etc/signalbox/config.yaml\n');
  for (const script of ['postinst', 'prerm', 'postrm'])
    place(debian(script), path.join(folder, script), 0o755);
}

/** Modes as in every Debian package, whatever the umask. */
function normalizeModes(folder) {
  chmodSync(folder, 0o755);
  for (const name of readdirSync(folder, { recursive: true })) {
    const file = path.join(folder, name);
    const stat = statSync(file);
    chmodSync(file, stat.isDirectory() || (stat.mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}

/** The pinned Node of an architecture; npm installs only the one of this machine. */
export async function nodeFolder(architecture) {
  const name = `node-linux-${ARCHITECTURES[architecture]}`;
  const installed = source('node_modules', name);
  if (existsSync(installed)) return installed;
  const version = readJson(source('package.json')).optionalDependencies[name];
  return fetchPackage(`${name}@${version}`, source('.cache'), `${name}-${version}`);
}

/** Writes `signalbox_VERSION_ARCH.deb` to the folder and returns its path. */
export async function buildDeb(folder, { architecture = hostArchitecture, compression = 'xz' } = {}) {
  const root = mkdtempSync(path.join(tmpdir(), 'signalbox-deb-'));
  try {
    const node = await nodeFolder(architecture);
    const manifest = readJson(source('package.json'));
    const { version, author } = manifest;
    const { description } = readJson(source('apps/proxy/package.json'));
    placeProgram(root, path.join(node, 'bin/node'), architecture);
    placeService(root);
    await placeDocuments(root, node);
    placeControl(root, { version, description, author, homepage: repositoryUrl(manifest) }, architecture);
    normalizeModes(root);
    mkdirSync(folder, { recursive: true });
    const deb = path.join(folder, `signalbox_${version}_${architecture}.deb`);
    const args = ['--root-owner-group', `-Z${compression}`, '--build', root, deb];
    // One modification time for all files: two builds of a version have the same bytes.
    const env = { ...process.env, SOURCE_DATE_EPOCH: process.env.SOURCE_DATE_EPOCH ?? '0' };
    await mustRun('dpkg-deb', args, { env });
    return deb;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = { compression: { type: 'string' }, arch: { type: 'string' } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (positionals.length !== 1) throw new Error('usage: node tools/publish/deb.mjs FOLDER');
  const deb = await buildDeb(positionals[0], { architecture: values.arch, compression: values.compression });
  process.stdout.write(`${deb}\n`);
}

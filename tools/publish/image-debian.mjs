// The Debian packages of the image: pinned in deploy/image/debian.json, for every architecture from one snapshot.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { Skip } from '../rigs/rig.mjs';
import { readJson } from './stage.mjs';

const LOCK = path.join(repositoryRoot, 'deploy/image/debian.json');
const CACHE = path.join(repositoryRoot, '.cache/image');
const MIRROR = 'http://deb.debian.org';

const readLock = () => readJson(LOCK);

/** Release of Debian, and the packages of an architecture: `{name, version, file, digest}` each. */
export function pinnedPackages(architecture) {
  const { release, packages } = readLock();
  return { release, packages: packages[architecture] };
}

/** The second mirror has every version that Debian has published. */
const mirrorsOf = (file) => [
  `${MIRROR}/${file}`,
  `http://snapshot.debian.org/archive/${file.replace('/pool/', `/${readLock().snapshot}/pool/`)}`,
];

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

async function download(file) {
  for (const url of mirrorsOf(file)) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok) return Buffer.from(await response.arrayBuffer());
  }
  throw new Skip(`${file}: on no mirror`);
}

/** A package of the lock file, from the cache or a mirror, with its digest verified. */
export async function debOf({ file, digest }) {
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
  for (const entry of Object.values(readLock().packages).flat()) await debOf(entry);
}

/** Options of apt-get for another architecture and the release of the lock file, without those of this machine. */
function aptOptions(folder, { release }, architecture) {
  const sources = ['debian', 'debian', 'debian-security'];
  const suites = [release, `${release}-updates`, `${release}-security`];
  const keyring = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]';
  const lines = sources.map((name, index) => `deb ${keyring} ${MIRROR}/${name} ${suites[index]} main\n`);
  for (const name of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(path.join(folder, name), { recursive: true });
  writeFileSync(path.join(folder, 'sources.list'), lines.join(''));
  writeFileSync(path.join(folder, 'status'), '');
  const options = {
    'Dir::State': path.join(folder, 'state'),
    'Dir::State::status': path.join(folder, 'status'),
    'Dir::Cache': path.join(folder, 'cache'),
    'Dir::Etc::SourceList': path.join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
  };
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** The newest packages of the release that have these names. */
async function newestPackages(lock, architecture, names) {
  const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-apt-'));
  try {
    const options = aptOptions(folder, lock, architecture);
    await mustRun('apt-get', [...options, 'update', '-q'], { timeoutSeconds: 300 });
    const output = await mustRun('apt-get', [...options, 'download', '--print-uris', ...names]);
    const uris = output.matchAll(/^'http[^']*?\/(debian[\w-]*\/pool\/[^']+)' (\S+) \d+ SHA256:(\w+)$/gm);
    const packages = [...uris].map(([, file, deb, digest]) => {
      const [name, version] = deb.split('_');
      return { name, version: decodeURIComponent(version), file, digest };
    });
    const missing = names.filter((name) => !packages.some((entry) => entry.name === name));
    if (missing.length > 0) throw new Error(`apt has no ${missing.join(', ')} for ${architecture}`);
    return packages;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the newest versions of the release to the lock file. */
export async function lockPackages() {
  const lock = readLock();
  const packages = {};
  for (const [architecture, entries] of Object.entries(lock.packages)) {
    const names = entries.map(({ name }) => name);
    packages[architecture] = await newestPackages(lock, architecture, names);
  }
  const snapshot = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  writeFileSync(LOCK, `${JSON.stringify({ ...lock, snapshot, packages }, null, 2)}\n`);
}

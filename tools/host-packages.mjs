// What a suite needs of the machine besides Node and npm: command → Debian package.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { run } from './process.mjs';

/** What scripts and tests take for granted; part of every Debian. */
const shell = { sh: 'dash', cat: 'coreutils', true: 'coreutils', sleep: 'coreutils' };

/** What tools/namespaces.mjs and packages/netns run. */
const namespaces = {
  ...shell,
  ip: 'iproute2',
  unshare: 'util-linux',
  mount: 'util-linux',
  mkdir: 'coreutils',
};

const variants = [
  'iptables',
  'iptables-nft',
  'iptables-legacy',
  'ip6tables',
  'ip6tables-nft',
  'ip6tables-legacy',
];

const netfilter = {
  ...namespaces,
  ...Object.fromEntries(
    variants.flatMap((name) => [name, `${name}-save`, `${name}-restore`]).map((name) => [name, 'iptables']),
  ),
  'xtables-monitor': 'iptables',
  stdbuf: 'coreutils',
  nft: 'nftables',
  conntrack: 'conntrack',
  sysctl: 'procps',
  modprobe: 'kmod',
};

/** What tools/uml-run runs, on this machine and as the first process of the other kernel. */
const userModeLinux = {
  ...shell,
  'linux.uml': 'user-mode-linux',
  bash: 'bash',
  modprobe: 'kmod',
  ip: 'iproute2',
  ps: 'procps',
  taskset: 'util-linux',
  mount: 'util-linux',
  ...Object.fromEntries(
    ['chmod', 'ln', 'mkdir', 'mktemp', 'mv', 'rm', 'stty', 'sync', 'tail', 'timeout', 'uname'].map((name) => [
      name,
      'coreutils',
    ]),
  ),
};

const windows = { ...shell, tar: 'tar', gzip: 'gzip', mv: 'coreutils' };

/**
 * Suite → the commands that it may run, with the Debian package of each. Its PATH holds nothing else. A path: a file that
 * commands of the suite need.
 */
export const hostPackages = {
  unit: {
    ...shell,
    bash: 'bash',
    openssl: 'openssl',
    tar: 'tar',
    gzip: 'gzip',
    unzip: 'unzip',
    ...Object.fromEntries(
      ['basename', 'chmod', 'dirname', 'ln', 'mkdir', 'mkfifo'].map((name) => [name, 'coreutils']),
    ),
  },
  scenarios: shell,
  examples: shell,
  // The program itself: /usr/bin/chromium is a script that calls many others.
  page: { ...shell, '/usr/lib/chromium/chromium': 'chromium' },
  start: netfilter,
  kernel: {
    ...netfilter,
    ...userModeLinux,
    ping: 'iputils-ping',
    setpriv: 'util-linux',
    flock: 'util-linux',
    sed: 'sed',
    id: 'coreutils',
    zsh: 'zsh',
    fish: 'fish',
    mandoc: 'mandoc',
    promtool: 'prometheus',
    dpkg: 'dpkg',
    'dpkg-deb': 'dpkg',
    'systemd-analyze': 'systemd',
    chroot: 'coreutils',
    find: 'findutils',
    readelf: 'binutils',
    'x86_64-linux-gnu-strip': 'binutils-x86-64-linux-gnu',
    'aarch64-linux-gnu-strip': 'binutils-aarch64-linux-gnu',
    'qemu-aarch64-static': 'qemu-user-static',
    tar: 'tar',
    gzip: 'gzip',
  },
  uml: {
    ...netfilter,
    ...userModeLinux,
    ping: 'iputils-ping',
    ipvsadm: 'ipvsadm',
    ipset: 'ipset',
    rmmod: 'kmod',
    unshare: 'util-linux',
    chroot: 'coreutils',
    'dpkg-deb': 'dpkg',
    tar: 'tar',
    readelf: 'binutils',
    'x86_64-linux-gnu-strip': 'binutils-x86-64-linux-gnu',
  },
  bench: {
    ...netfilter,
    ...userModeLinux,
    openssl: 'openssl',
    ipvsadm: 'ipvsadm',
    ipset: 'ipset',
    haproxy: 'haproxy',
    nginx: 'nginx-light',
    '/usr/lib/nginx/modules/ngx_stream_module.so': 'libnginx-mod-stream',
    wrk: 'wrk',
  },
  mono: {
    ...windows,
    mcs: 'mono-mcs',
    '/usr/lib/mono/4.5/Microsoft.CSharp.dll': 'libmono-microsoft-csharp4.0-cil',
    mono: 'mono-runtime',
    'pkg-config': 'pkg-config',
    python3: 'python3',
    which: 'debianutils',
    make: 'make',
    gcc: 'gcc',
    cc: 'gcc',
    'g++': 'g++',
    as: 'binutils',
    ld: 'binutils',
    ar: 'binutils',
    ...Object.fromEntries(
      ['cp', 'dirname', 'echo', 'ln', 'mkdir', 'printf', 'rm', 'touch', 'uname'].map((name) => [
        name,
        'coreutils',
      ]),
    ),
    sed: 'sed',
    grep: 'grep',
  },
  wine: {
    ...windows,
    wine: 'wine',
    wineserver: 'wine',
    '/usr/lib/wine/wine64': 'wine64',
    'x86_64-w64-mingw32-gcc': 'gcc-mingw-w64-x86-64',
    unzip: 'unzip',
  },
};

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * pyenv, rbenv, asdf and mise put scripts in a folder of this name. They look for the program in the PATH again, which a
 * suite's PATH cannot answer.
 */
const SHIMS = 'shims';

/** The first program of this name, as the shell finds it; not a script of a version manager. */
export function findProgram(name, searchPath) {
  const folders = searchPath.split(path.delimiter).filter((folder) => path.basename(folder) !== SHIMS);
  const files = folders.map((folder) => path.join(folder, name));
  return files.find((file) => path.isAbsolute(file) && isProgram(file));
}

/** A command, or a file that commands need. */
function isPresent(name, searchPath) {
  return path.isAbsolute(name) ? existsSync(name) : findProgram(name, searchPath) !== undefined;
}

function missingPackages(suite, env) {
  const missing = Object.entries(hostPackages[suite]).filter(([command]) => !isPresent(command, env.PATH));
  return [...new Set(missing.map(([, name]) => name))];
}

/** Not the PATH of a suite, which has no apt-get; dpkg and scripts of packages look for much besides. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

async function aptInstall(names) {
  const env = { ...process.env, PATH: SYSTEM_PATH, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, capture: true, timeoutSeconds: 300 };
  const install = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', ...names];
  const first = await run('apt-get', install, options);
  if (first.status === 0) return first;
  await run('apt-get', ['update', '-q'], options); // a fresh image has no package lists
  return run('apt-get', install, options);
}

/** Installs Debian packages if it can. `null`: done; else why not, and what to do. */
export async function installPackages(names) {
  const advice = `missing: install ${names.join(' ')}`;
  if (process.platform !== 'linux') return `needs Linux (this is ${process.platform})`;
  if (!isPresent('apt-get', SYSTEM_PATH)) return `${advice} with this system's package manager`;
  if (process.getuid() !== 0) return `${advice} (as root: apt-get install ${names.join(' ')})`;
  process.stdout.write(`Installing Debian packages: ${names.join(' ')}\n`);
  const { status, output } = await aptInstall(names);
  return status === 0 ? null : `${advice}; apt-get could not: ${output.trim().split('\n').at(-1) ?? ''}`;
}

/** Installs what a suite declares and the machine lacks. `null`: all there; else why the suite cannot run. */
export async function ensureHostPackages(suite, env) {
  const wanted = missingPackages(suite, env);
  if (wanted.length === 0) return null;
  const failure = await installPackages(wanted);
  if (failure !== null) return failure;
  const missing = Object.keys(hostPackages[suite]).filter((command) => !isPresent(command, env.PATH));
  return missing.length === 0 ? null : `not in the packages that were installed: ${missing.join(', ')}`;
}

// What a ring needs of the machine besides Node: command → Debian package.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { run } from './process.mjs';

const netfilter = {
  ip: 'iproute2',
  iptables: 'iptables',
  'iptables-nft-restore': 'iptables',
  nft: 'nftables',
  conntrack: 'conntrack',
  sysctl: 'procps',
};

export const hostPackages = {
  start: netfilter,
  kernel: netfilter,
  uml: {
    'linux.uml': 'user-mode-linux',
    ping: 'iputils-ping',
    modprobe: 'kmod',
    ipvsadm: 'ipvsadm',
    ipset: 'ipset',
    ip: 'iproute2',
    'iptables-legacy-restore': 'iptables',
    conntrack: 'conntrack',
    sysctl: 'procps',
  },
  mono: { mcs: 'mono-mcs', mono: 'mono-runtime' },
};

function findCommand(name, searchPath) {
  return searchPath.split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function missingPackages(ring, env) {
  const missing = Object.entries(hostPackages[ring]).filter(([command]) => !findCommand(command, env.PATH));
  return [...new Set(missing.map(([, name]) => name))];
}

async function aptInstall(names, env) {
  const options = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, capture: true, timeoutSeconds: 300 };
  const install = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', ...names];
  const first = await run('apt-get', install, options);
  if (first.status === 0) return first;
  await run('apt-get', ['update', '-q'], options); // a fresh image has no package lists
  return run('apt-get', install, options);
}

/** Installs what is missing if it can. `null`: all there; else why the ring cannot run, and what to do. */
export async function ensureHostPackages(ring, env) {
  const wanted = missingPackages(ring, env);
  if (wanted.length === 0) return null;
  const advice = `missing: install ${wanted.join(' ')}`;
  if (process.platform !== 'linux') return `needs Linux (this is ${process.platform})`;
  if (!findCommand('apt-get', env.PATH)) return `${advice} with this system's package manager`;
  if (process.getuid() !== 0) return `${advice} (as root: apt-get install ${wanted.join(' ')})`;
  process.stdout.write(`Installing Debian packages: ${wanted.join(' ')}\n`);
  const { status, output } = await aptInstall(wanted, env);
  if (status === 0 && missingPackages(ring, env).length === 0) return null;
  const lastLine = output.trim().split('\n').at(-1) ?? '';
  return `${advice}; apt-get could not: ${lastLine}`;
}

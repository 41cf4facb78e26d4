/** A copy-on-write view of this system for tests that install packages: its mounts, network and changes end with the script. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'vitest';
import { findProgram } from '../host-packages.mjs';

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Done {
  readonly status: number | null;
  readonly text: string;
}

function call(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Done {
  // unshare ignores SIGTERM; --kill-child ends the namespace with it.
  const options = { encoding: 'utf8', env, timeout: 280_000, killSignal: 'SIGKILL' } as const;
  const { status, stdout, stderr } = spawnSync(file, args, options);
  return { status, text: stdout + stderr };
}

/** Folders of the npm that runs here and of this Node.js, which may be on file systems that the view does not have. */
function foldersOfNpm(): { readonly modules: string; readonly node: string } {
  const npm = realpathSync(findProgram('npm', process.env['PATH'] ?? '') ?? '/nonexistent');
  // …/node_modules/npm/bin/npm-cli.js, or Debian's /usr/share/nodejs/npm/bin/npm-cli.js.
  return { modules: path.dirname(path.dirname(path.dirname(npm))), node: path.dirname(process.execPath) };
}

/** `npm` and `npx` as commands of the view, with an empty configuration and /srv for global packages. */
export function withNpm(context: TestContext): { readonly mounts: string; readonly commands: string } {
  const { modules, node } = foldersOfNpm();
  const npx = `${modules}/npm/bin/npx-cli.js`;
  if (!existsSync(npx)) context.skip(`npm of this machine has no ${npx}`);
  const mounts = [
    [modules, modules],
    [node, '/run/node'],
  ].map(([from, to]) => `mkdir -p "$view${to}"; mount --bind "${from}" "$view${to}"`);
  const commands = ['npm', 'npx'].map(
    (name) => `${name}() { node "${modules}/npm/bin/${name}-cli.js" "$@"; }`,
  );
  // Its caches, also that of compiled code, are in HOME.
  const settings =
    'export HOME=/srv/home NODE_COMPILE_CACHE=/srv/home/code npm_config_prefix=/srv/npm npm_config_update_notifier=false';
  return {
    mounts: mounts.join('\n'),
    commands: ['export PATH=/srv/npm/bin:/run/node:$PATH', settings, ...commands].join('\n'),
  };
}

interface View {
  readonly scratch: string;
  /** File of this system → its path in the view, below /run. */
  readonly files: Readonly<Record<string, string>>;
  /** Further mounts, for which `$view` is the root of the view. */
  readonly mounts?: string;
}

/** Runs commands in the view; prints at the end, after `== left`, the files that they have left. */
export function runInView({ scratch, files, mounts = '' }: View, script: string): Done {
  const place = path.join(scratch, 'root');
  mkdirSync(place, { recursive: true });
  const file = path.join(scratch, 'script');
  writeFileSync(file, `export PATH=${SYSTEM_PATH}\n${script}`);
  const copies = Object.entries(files).map(([from, to]) => `cat "${from}" > $view${to}`);
  const own = Object.values(files).map((to) => `-not -path "$view${to}"`);
  const outer = `set -e
    place=${place} view=${place}/view
    mount -t tmpfs none $place
    mkdir $place/upper $place/work $view
    mount -t overlay none -o lowerdir=/,upperdir=$place/upper,workdir=$place/work $view
    mount --rbind /dev $view/dev
    mount -t proc none $view/proc
    mount -t tmpfs none $view/run
    ${[...copies, mounts].join('\n')}
    chroot $view /bin/sh -e < ${file}
    echo == left
    find $place/upper -type f -not -path '*/var/*'
    find $view/run -mindepth 1 ${own.join(' ')} -not -path '*/run/systemd*' -not -path '*/run/node*' -not -path '*/run/mount*'
    find $place/upper $view/var/lib/dpkg/info -name 'signalbox*' -not -type c
    echo == end`;
  // Not that of npm run, which has the configuration of npm.
  const env = { PATH: SYSTEM_PATH };
  return call('unshare', ['--mount', '--net', '--pid', '--fork', '--kill-child', 'sh', '-c', outer], env);
}

/** Skips the test where the kernel mounts no overlay: in a user namespace, kernels before 5.11. */
export function skipWithoutOverlay({ text }: Done, context: TestContext): void {
  if (/^mount: .*overlay|wrong fs type/m.test(text)) context.skip(text.trim());
}

const OBJECTS =
  '{kind: Service, apiVersion: v1, metadata: {name: web}, spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{port: 80}]}}';
/** Flags of a proxy without an API server. The file is removed by `withoutObjects`. */
export const FLAGS = '--manifests=/run/web.yaml --hostname-override=node-a --conntrack-max-per-core=0';
export const withObjects = `echo '${OBJECTS}' > /run/web.yaml`;
export const withoutObjects = 'rm -f /run/web.yaml /run/log /run/xtables.lock';
/** Waits until the kernel has the Service, while the process `$proxy` lives. */
export const untilServed =
  'until iptables-save | grep -q 10.96.0.10; do kill -0 $proxy || { cat /run/log; exit 1; }; done; echo served';
export const isRemoved = 'iptables-save | grep 10.96.0.10 || echo removed';

/** What a script printed between one `echo == NAME` and the next. */
export function section(text: string, name: string): string {
  return (
    new RegExp(`^== ${name}\n([\\s\\S]*?)^== `, 'm').exec(text)?.[1] ?? `no section ${name} in:\n${text}`
  );
}

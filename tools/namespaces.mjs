// Private network and mount namespaces for every suite that changes the kernel, so that the host is never changed.
import { readFileSync } from 'node:fs';
import { run } from './process.mjs';

/** `ip netns` keeps its names in /run/netns: a private /run keeps them out of the host's sight, and needs no root. */
const inside = 'mount -t tmpfs signalbox /run && mkdir -p /run/netns && ip link set lo up && exec "$@"';

function prefix(flags) {
  return ['unshare', ...flags, '--propagation', 'private', 'sh', '-c', inside, 'sh'];
}

const probe = ['sh', '-c', 'ip netns add probe && ip netns exec probe true && ip netns del probe'];

/** Kernel settings that forbid user namespaces, and the value that does. */
const settings = [
  ['kernel/unprivileged_userns_clone', '0', 'sysctl -w kernel.unprivileged_userns_clone=1'],
  ['user/max_user_namespaces', '0', 'sysctl -w user.max_user_namespaces=10000'],
  // Ubuntu 23.10 and newer.
  [
    'kernel/apparmor_restrict_unprivileged_userns',
    '1',
    'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  ],
];
const CAP_SYS_ADMIN = 21n;

function readText(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return ''; // this kernel has no such setting
  }
}

/** What forbids namespaces on this machine, and how to allow them; empty if the cause is not found. */
export function findObstacles(read = readText, uid = process.getuid()) {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(read('/proc/self/status'))?.[1] ?? '';
  const isAdmin = effective !== '' && ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
  if (uid === 0 && !isAdmin) {
    return [
      'root without CAP_SYS_ADMIN (a container?): give it the capability, as in docker run --privileged',
    ];
  }
  const off = settings.filter(([name, value]) => read(`/proc/sys/${name}`) === value);
  return off.map(([name, value, remedy]) => `${name.replace('/', '.')} is ${value}: as root, ${remedy}`);
}

function advice(output) {
  const reason = output.trim().split('\n').at(-1) ?? 'unknown error';
  const obstacles = findObstacles();
  const remedy =
    obstacles.length > 0 ? obstacles.join('; ') : 'run it as root, or where user namespaces are allowed';
  return `no network namespaces here (${reason}): ${remedy}`;
}

/**
 * How to run a command in namespaces of its own.
 * @returns {Promise<{prefix: string[], env: object} | {reason: string}>}
 */
export async function namespacePrefix(env) {
  if (process.platform !== 'linux')
    return { reason: `network namespaces need Linux (this is ${process.platform})` };
  const kinds =
    process.getuid() === 0
      ? [
          ['-n', '-m'],
          ['-U', '-r', '-n', '-m'],
        ]
      : [['-U', '-r', '-n', '-m']];
  let last = '';
  for (const flags of kinds) {
    const [command, ...args] = [...prefix(flags), ...probe];
    const { status, output } = await run(command, args, { env, capture: true, timeoutSeconds: 30 });
    if (status === 0) {
      // The demo prints the command to enter; it differs in a user namespace.
      return { prefix: prefix(flags), env: { SIGNALBOX_USER_NAMESPACE: flags.includes('-U') ? '1' : '0' } };
    }
    last = output;
  }
  return { reason: advice(last) };
}

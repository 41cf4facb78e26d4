// Private network and mount namespaces for whatever touches the kernel, so that the host is never touched.
import { run } from './process.mjs';

/** `ip netns` keeps its names in /run/netns: a private /run keeps them out of the host's sight, and needs no root. */
const inside = 'mount -t tmpfs signalbox /run && mkdir -p /run/netns && ip link set lo up && exec "$@"';

function prefix(flags) {
  return ['unshare', ...flags, '--propagation', 'private', 'sh', '-c', inside, 'sh'];
}

const probe = ['sh', '-c', 'ip netns add probe && ip netns exec probe true && ip netns del probe'];

function advice(output) {
  const reason = output.trim().split('\n').at(-1) ?? 'unknown error';
  const hints = [
    'run it as root',
    'allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces>0',
    'and on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0)',
    'or, in a container, give it CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --privileged)',
  ];
  return `no network namespaces here: ${reason}. Either ${hints.join(' ')}`;
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
      // The demo says how to enter: another command line for a namespace of users.
      return { prefix: prefix(flags), env: { SIGNALBOX_USER_NAMESPACE: flags.includes('-U') ? '1' : '0' } };
    }
    last = output;
  }
  return { reason: advice(last) };
}

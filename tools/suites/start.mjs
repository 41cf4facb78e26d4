// `npm start`: a node in a box, with the real proxy in it.
import { withDeclaredCommands } from '../command-folder.mjs';
import { namespacePrefix } from '../namespaces.mjs';
import { packApp } from '../packed-app.mjs';
import { run } from '../process.mjs';
import { countChecks, skip } from './report.mjs';

/** Parses the arguments after `npm start --`: the proxy mode of the demo, and the arguments of the demo itself. */
export function demoArguments(rest) {
  const modes = rest.filter((word) => word.startsWith('--mode=')).map((word) => word.slice('--mode='.length));
  const mode = modes.at(-1) ?? 'iptables';
  const isKnown = ['iptables', 'userspace'].includes(mode);
  const others = rest.filter((word) => !word.startsWith('--mode='));
  return isKnown ? { mode, others } : { reason: `--mode: ${mode} is not one of iptables, userspace` };
}

/** Builds the proxy into an empty folder and runs the demo of userspace mode: on loopback addresses, with no privileges. */
async function startLoopbackDemo({ node, env, rest }) {
  process.stdout.write('Building the proxy\n');
  const { program, remove } = await packApp();
  const demo = [
    '--conditions=signalbox-source',
    'packages/netns/src/demo/loopback-main.ts',
    `--bundle=${program}`,
  ];
  try {
    return await run(node, [...demo, ...rest], { env, timeoutSeconds: 600 });
  } finally {
    remove();
  }
}

/** Builds the proxy into an empty folder and runs the demo. `reason`: why it could not be started at all. */
async function startDemo({ node, env, rest }) {
  const namespaces = await namespacePrefix(env);
  if ('reason' in namespaces) return namespaces;
  process.stdout.write('Building the proxy\n');
  const { program, remove } = await packApp();
  const demo = [
    '--conditions=signalbox-source',
    'packages/netns/src/demo/main.ts',
    `--bundle=${program}`,
    ...rest,
  ];
  const [command, ...args] = [...namespaces.prefix, node, ...demo];
  try {
    // --keep stays until Ctrl-C: a day bounds it.
    return await run(command, args, { env: { ...env, ...namespaces.env }, timeoutSeconds: 86_400 });
  } finally {
    remove();
  }
}

/** `npm start`. Returns the exit status. */
export async function runStart(context) {
  const { mode, others, reason: mistake } = demoArguments(context.rest);
  if (mistake !== undefined) {
    process.stderr.write(`${mistake}\n`);
    return 1;
  }
  const own = { ...context, rest: others };
  const { status, reason } =
    mode === 'userspace' ? await startLoopbackDemo(own) : await withDeclaredCommands('start', own, startDemo);
  if (reason === undefined) return status;
  process.stderr.write(`signalbox cannot start its demo: ${reason}\n`);
  return 1;
}

/** `npm start` as a test: it ends with 0, having seen every connection answered. */
export async function runDemo(context) {
  const own = { ...context, rest: [] };
  const loopback = await startLoopbackDemo(own);
  const { status, reason } = await withDeclaredCommands('start', own, startDemo);
  const checks = [{ name: 'npm start -- --mode=userspace', status: loopback.status }];
  if (reason === undefined) checks.push({ name: 'npm start', status });
  else if (loopback.status === 0) return skip(reason);
  return countChecks(checks);
}

// `npm start`: a node in a box, with the real proxy in it.
import { readFileSync } from 'node:fs';
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
async function startDemo({ node, env, rest, capture = false }) {
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
    const options = { env: { ...env, ...namespaces.env }, capture, timeoutSeconds: 86_400 };
    return await run(command, args, options);
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

/** Without numbers, bars and columns, which differ from run to run. */
const shapeOf = (line) =>
  line
    .replaceAll(/[\u2588-\u258f]+/g, '')
    .replaceAll(/\d+/g, '0')
    .replaceAll(/ +/g, ' ')
    .trim();

/** Lines of the block `text demo` of README.md that the output does not have. */
export function outdatedLines(readme, output) {
  const [, block] = /^```text demo\n([\s\S]*?)^```$/m.exec(readme) ?? [];
  if (block === undefined) return ['README.md has no block "text demo"'];
  const shown = new Set(output.split('\n').map((line) => shapeOf(line)));
  const lines = block.split('\n').filter((line) => line !== '' && line !== '…');
  return lines.filter((line) => !shown.has(shapeOf(line)));
}

/** `npm start` as a test: it ends with 0, having seen every connection answered, and its output is that of README.md. */
export async function runDemo(context) {
  const own = { ...context, rest: [] };
  const loopback = await startLoopbackDemo(own);
  const result = await withDeclaredCommands('start', { ...own, capture: true }, startDemo);
  const checks = [{ name: 'npm start -- --mode=userspace', status: loopback.status }];
  if (result.reason === undefined) {
    process.stdout.write(result.output);
    const outdated = outdatedLines(readFileSync('README.md', 'utf8'), result.output);
    for (const line of outdated)
      process.stdout.write(`README.md shows, but npm start does not print: ${line}\n`);
    checks.push({ name: 'npm start', status: result.status });
    checks.push({ name: 'the output in README.md is that of npm start', status: outdated.length });
  } else if (loopback.status === 0) return skip(result.reason);
  return countChecks(checks);
}

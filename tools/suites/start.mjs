// `npm start`: a node in a box, with the real proxy in it.
import { withDeclaredCommands } from '../command-folder.mjs';
import { namespacePrefix } from '../namespaces.mjs';
import { packApp } from '../packed-app.mjs';
import { run } from '../process.mjs';
import { countChecks, skip } from './report.mjs';

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
  const { status, reason } = await withDeclaredCommands('start', context, startDemo);
  if (reason === undefined) return status;
  process.stderr.write(`signalbox cannot start its demo: ${reason}\n`);
  return 1;
}

/** `npm start` as a test: it ends with 0, having seen every connection answered. */
export async function runDemo(context) {
  const { status, reason } = await withDeclaredCommands('start', { ...context, rest: [] }, startDemo);
  if (reason !== undefined) return skip(reason);
  return countChecks([{ name: 'npm start', status }]);
}

// `npm start`: a node in a box, with the real proxy in it.
import { ensureHostPackages } from '../host-packages.mjs';
import { tool } from '../install.mjs';
import { namespacePrefix } from '../namespaces.mjs';
import { run, runQuietly } from '../process.mjs';

function refuse(reason) {
  process.stderr.write(`signalbox cannot start its demo: ${reason}\n`);
  return 1;
}

export async function runStart({ node, env, rest }) {
  const missing = await ensureHostPackages('start', env);
  if (missing !== null) return refuse(missing);
  const namespaces = await namespacePrefix(env);
  if ('reason' in namespaces) return refuse(namespaces.reason);
  process.stdout.write('Building the proxy\n');
  const build = await runQuietly(node, tool('nx', 'run', '@signalbox/proxy:build', '--output-style=static'), {
    env,
  });
  if (build.status !== 0) return refuse('the build failed (above)');
  const demo = ['--conditions=signalbox-source', 'packages/netns/src/demo/main.ts', ...rest];
  const [command, ...args] = [...namespaces.prefix, node, ...demo];
  // --keep stays until Ctrl-C: a day bounds it.
  const { status } = await run(command, args, { env, timeoutSeconds: 86_400 });
  return status;
}

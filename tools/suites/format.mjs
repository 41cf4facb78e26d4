// Rewrites every file in the project's format.
import { tool } from '../install.mjs';
import { run } from '../process.mjs';

export async function runFormat({ node, env, rest }) {
  const files = rest.length > 0 ? rest : ['.'];
  const { status } = await run(node, tool('prettier', '--write', '--log-level', 'warn', ...files), { env });
  return status;
}

// The Windows rigs: programs of their own, which end with one line of JSON for the table.
import path from 'node:path';
import { withDeclaredCommands } from '../command-folder.mjs';
import { runShown } from '../process.mjs';
import { skip } from './report.mjs';

const TIMEOUT_SECONDS = 900;

/** The rig's own counts; a rig that ends without them has failed. */
export function readRigResult(status, lastLine) {
  try {
    const { passed, failed, skipped, reason = '' } = JSON.parse(lastLine);
    const counted = [passed, failed, skipped].every(Number.isInteger) && passed + failed + skipped > 0;
    if (counted && (status === 0) === (failed === 0)) return { passed, failed, skipped, reason };
  } catch {
    // not the line of JSON: below
  }
  return { passed: 0, failed: 1, skipped: 0, reason: `exit ${status} without a result` };
}

export function runRig(suite, name) {
  const start = async ({ node, env, root }) => {
    const { status, lastLine } = await runShown(node, [path.join(root, 'tools', `${name}.mjs`)], {
      env,
      timeoutSeconds: TIMEOUT_SECONDS,
    });
    return readRigResult(status, lastLine);
  };
  return async (context) => {
    const result = await withDeclaredCommands(suite, context, start);
    return 'passed' in result ? result : skip(result.reason);
  };
}

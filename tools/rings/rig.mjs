// The Windows rigs: programs of their own, which end with one line of JSON for the table.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { withDeclaredCommands } from '../command-folder.mjs';
import { trackChild } from '../process.mjs';
import { skip } from '../report.mjs';

const TIMEOUT_SECONDS = 900;

/** Shows what the rig says; returns its exit status and its last line. */
function runShown(command, args, env) {
  return new Promise((resolve) => {
    const stdio = ['ignore', 'pipe', 'inherit'];
    const child = trackChild(spawn(command, args, { env, stdio, timeout: TIMEOUT_SECONDS * 1000 }));
    let said = '';
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      said = (said + chunk).slice(-10_000);
    });
    child.on('error', (error) => resolve({ status: 127, lastLine: error.message }));
    child.on('close', (status) => resolve({ status, lastLine: said.trim().split('\n').at(-1) ?? '' }));
  });
}

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
    const { status, lastLine } = await runShown(node, [path.join(root, 'tools', `${name}.mjs`)], env);
    return readRigResult(status, lastLine);
  };
  return async (context) => {
    const result = await withDeclaredCommands(suite, context, start);
    return 'passed' in result ? result : skip(result.reason);
  };
}

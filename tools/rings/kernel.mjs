// Tests against the real kernel, in namespaces that end with them.
import { ensureHostPackages } from '../host-packages.mjs';
import { namespacePrefix } from '../namespaces.mjs';
import { runVitest } from './vitest.mjs';

function skip(reason) {
  process.stdout.write(`SKIPPED: ${reason}\n`);
  return { passed: 0, failed: 0, skipped: 1, reason };
}

export async function runKernel(context) {
  const missing = await ensureHostPackages('kernel', context.env);
  if (missing !== null) return skip(missing);
  const namespaces = await namespacePrefix(context.env);
  if ('reason' in namespaces) return skip(namespaces.reason);
  return runVitest('kernel', context, namespaces.prefix);
}

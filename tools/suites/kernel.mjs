// Tests against the real kernel, in namespaces that end with them.
import { withDeclaredCommands } from '../command-folder.mjs';
import { namespacePrefix } from '../namespaces.mjs';
import { withPackedApp } from '../packed-app.mjs';
import { nodeFolder } from '../publish/deb.mjs';
import { fetchPackages } from '../publish/image-debian.mjs';
import { skip } from './report.mjs';
import { runVitest, selectsTools } from './vitest.mjs';

/** Before the tests, which have no network. Without these parts, the tests of the image are skipped, with the reason. */
async function fetchImageParts() {
  const parts = await Promise.allSettled([fetchPackages(), nodeFolder('amd64'), nodeFolder('arm64')]);
  for (const { reason } of parts) if (reason) process.stdout.write(`${reason.message}\n`);
}

async function runTests(context) {
  const namespaces = await namespacePrefix(context.env);
  if ('reason' in namespaces) return namespaces;
  if (selectsTools(context.rest)) await fetchImageParts();
  return withPackedApp(context.env, (env) => runVitest('kernel', { ...context, env }, namespaces.prefix));
}

export async function runKernel(context) {
  const result = await withDeclaredCommands('kernel', context, runTests);
  return 'passed' in result ? result : skip(result.reason);
}

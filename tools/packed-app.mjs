// The program as it ships: built into an empty folder outside of the repository, so that what it needs at run time and
// does not bring with it is found missing by the tests. Also the global set-up of the vitest projects that run it.
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pinnedEnvironment, repositoryRoot } from './install.mjs';
import { run } from './process.mjs';

/** Set by a suite that has built the program already: a build in User-Mode Linux takes long. */
const VARIABLE = 'SIGNALBOX_PACKED_APP';

/** A target of nx depends on the build of the app, which is therefore up to date. */
const isBuilt = () => process.env.NX_TASK_TARGET_TARGET !== undefined;

async function build(folder) {
  const project = path.join(repositoryRoot, 'apps/proxy');
  if (isBuilt()) {
    cpSync(path.join(project, 'dist'), folder, { recursive: true });
    return;
  }
  const { node, env } = pinnedEnvironment();
  const tsup = path.join(repositoryRoot, 'node_modules/tsup/dist/cli-default.js');
  const options = { cwd: project, env: { ...env, SIGNALBOX_OUT_DIR: folder }, capture: true };
  const { status, output } = await run(node, [tsup], { ...options, timeoutSeconds: 300 });
  if (status !== 0) throw new Error(`the build of apps/proxy failed with status ${status}:\n${output}`);
}

/** @returns {Promise<{program: string, remove: () => void}>} */
export async function packApp() {
  const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-packed-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  chmodSync(folder, 0o755); // the program also runs as another user than the one who built it
  try {
    await build(folder);
  } catch (error) {
    remove();
    throw error;
  }
  return { program: path.join(folder, 'main.js'), remove };
}

/** Runs `act` with an environment in which the program is built. */
export async function withPackedApp(env, act) {
  const { program, remove } = await packApp();
  try {
    return await act({ ...env, [VARIABLE]: program });
  } finally {
    remove();
  }
}

/** vitest's global set-up: tests read the path with `inject('packedApp')`. */
export async function setup({ provide }) {
  const built = process.env[VARIABLE];
  const app = built === undefined ? await packApp() : { program: built, remove: () => {} };
  provide('packedApp', app.program);
  return app.remove;
}
